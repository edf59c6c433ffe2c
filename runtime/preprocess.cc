// Pillow resizes along x first, rounds to bytes, then along y. Rows come in the order of the file:
//   upright or mirrored      each row is resized along x into a ring; an output row is a sum over the ring
//   turned by 90 degrees     upright x runs down the stored columns, so the first sum is over stored rows:
//                            each output column is summed, rounded to a line as long as a stored row, and the
//                            line is resized along stored x
// Either way memory grows with a side of the picture and never with its area.
#include "runtime/preprocess.h"

#include <cstring>
#include <new>
#include <type_traits>

#include "kernels/pixels.h"
#include "runtime/context.h"

namespace {

using levit::runtime::AxisWeights;

constexpr size_t kSide = LEVIT_SIDE;
constexpr size_t kAlignment = 64;
constexpr size_t kGroup = levit::kernels::kResampleRows;
constexpr size_t kOutRow = (3 * kSide + 1 + kAlignment - 1) / kAlignment * kAlignment;
// Output columns that one stored row belongs to when the picture shrinks: bicubic weights reach over 5, and
// at an edge one more begins at the same row.
constexpr size_t kMostOpen = 8;

}  // namespace

struct levit_rows {
  AxisWeights along, across;  // stored x, stored y
  bool transposed;
  const levit::kernels::Dispatch* dispatch;
  uint8_t* out;

  uint32_t* first;       // [kSide] of `along`, by output position
  int32_t* along_taps;   // [kSide][along.taps]
  int32_t* across_taps;  // [kMostOpen or 1][across.taps]
  uint8_t* interleaved;  // of resample_horizontal
  uint8_t* held;         // [kGroup][row_bytes]: rows, or lines, until there are four
  uint8_t* ring;         // [ring_rows][ring_stride]
  int32_t* sums;         // [kMostOpen][row_bytes], for a turned picture that shrinks
  uint8_t* resized;      // [kGroup][kOutRow] of a turned picture

  size_t row_bytes;  // under the window
  size_t ring_rows, ring_stride;
  uint64_t given, ready;     // stored rows so far; rows under the window that were used
  uint64_t holding;          // rows, or lines, held
  uint64_t next, opened;     // output positions along stored y: finished; begun
  uint64_t top;              // first tap of position `next`
  uint64_t tops[kMostOpen];  // of the positions that are open
};

namespace levit::runtime {
namespace {

// EXIF 2.3, tag 0x0112: what is done to the stored picture before it is transposed.
bool mirrors_x(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}
bool mirrors_y(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

bool accumulates(const levit_rows& rows) {
  return rows.transposed && rows.across.scale > 1;
}

// Sets all that the geometry says and, when there is a scratch, the places in it; returns its bytes.
uint64_t lay_out(const Geometry& geometry, int orientation, uint8_t* scratch, levit_rows& rows) {
  rows.transposed = orientation >= 5;
  rows.along = axis_weights(rows.transposed ? geometry.y : geometry.x, mirrors_x(orientation));
  rows.across = axis_weights(rows.transposed ? geometry.x : geometry.y, mirrors_y(orientation));
  rows.row_bytes = static_cast<size_t>(3 * rows.along.extent);
  rows.ring_stride = rows.transposed ? rows.row_bytes : kOutRow;
  // Rows go into the ring in groups; one output row needs `taps` of them and its first may be the last of a
  // group.
  const uint64_t taps = rows.across.taps;
  rows.ring_rows = accumulates(rows) ? 0
                   : rows.transposed ? static_cast<size_t>(taps)
                                     : static_cast<size_t>((taps + 2 * (kGroup - 1)) / kGroup * kGroup);
  uint64_t bytes = 0;
  const auto place = [&bytes, scratch](auto*& pointer, uint64_t count) {
    pointer =
        scratch != nullptr ? reinterpret_cast<std::decay_t<decltype(pointer)>>(scratch + bytes) : nullptr;
    bytes += (count * sizeof(*pointer) + kAlignment - 1) / kAlignment * kAlignment;
  };
  levit_rows* self = nullptr;
  place(self, 1);
  place(rows.first, kSide);
  place(rows.along_taps, kSide * rows.along.taps);
  place(rows.across_taps, (accumulates(rows) ? kMostOpen : 1) * taps);
  place(rows.interleaved, rows.along.extent * kGroup * 4);
  place(rows.held, uint64_t{kGroup} * rows.row_bytes);
  place(rows.ring, uint64_t{rows.ring_rows} * rows.ring_stride);
  place(rows.sums, accumulates(rows) ? kMostOpen * uint64_t{rows.row_bytes} : 0);
  place(rows.resized, rows.transposed ? kGroup * kOutRow : 0);
  return bytes;
}

// Four rows, or lines, along stored x.
void resize_along(const levit_rows& rows, const uint8_t* const (&group)[kGroup], uint8_t* out) {
  kernels::ResampleHorizontal call{};
  for (size_t r = 0; r < kGroup; ++r) call.rows[r] = group[r];
  call.pixels = static_cast<size_t>(rows.along.extent);
  call.first = rows.first;
  call.weights = rows.along_taps;
  call.taps = static_cast<size_t>(rows.along.taps);
  call.count = kSide;
  call.interleaved = rows.interleaved;
  call.out = out;
  call.out_stride = kOutRow;
  rows.dispatch->resample_horizontal(call);
}

void sum_ring(const levit_rows& rows, uint8_t* out) {
  kernels::ResampleVertical call{};
  call.ring = rows.ring;
  call.stride = rows.ring_stride;
  call.capacity = rows.ring_rows;
  call.first = static_cast<size_t>(rows.top % rows.ring_rows);
  call.weights = rows.across_taps;
  call.taps = static_cast<size_t>(rows.across.taps);
  call.out = out;
  call.width = rows.transposed ? rows.row_bytes : 3 * kSide;
  rows.dispatch->resample_vertical(call);
}

// Output positions are counted in the order of the file: where one lies in the upright picture, or which one
// lies there.
uint64_t mirrored(const AxisWeights& axis, uint64_t position) {
  return axis.mirrored ? kSide - 1 - position : position;
}

void open_next(levit_rows& rows) {
  if (rows.next == kSide) return;
  rows.top = first_tap(rows.across, rows.next);
  fill_taps(rows.across, rows.next, rows.across_taps);
}

// A line of a turned picture is complete; four of them become four columns.
void finish_line(levit_rows& rows) {
  ++rows.next;
  if (++rows.holding < kGroup) return;
  const uint8_t* const lines[kGroup] = {rows.held, rows.held + rows.row_bytes, rows.held + 2 * rows.row_bytes,
                                        rows.held + 3 * rows.row_bytes};
  resize_along(rows, lines, rows.resized);
  for (size_t r = 0; r < kGroup; ++r) {
    const uint64_t column = mirrored(rows.across, rows.next - kGroup + r);
    for (size_t y = 0; y < kSide; ++y) {
      for (size_t c = 0; c < 3; ++c)
        rows.out[(y * kSide + column) * 3 + c] = rows.resized[r * kOutRow + 3 * y + c];
    }
  }
  rows.holding = 0;
}

// The output positions whose last row is in the ring.
void drain_ring(levit_rows& rows) {
  while (rows.next < kSide && rows.top + rows.across.taps <= rows.ready) {
    if (rows.transposed) {
      sum_ring(rows, rows.held + rows.holding * rows.row_bytes);
      finish_line(rows);
    } else {
      sum_ring(rows, rows.out + mirrored(rows.across, rows.next) * 3 * kSide);
      ++rows.next;
    }
    open_next(rows);
  }
}

void add_group(levit_rows& rows, const uint8_t* const (&group)[kGroup]) {
  resize_along(rows, group, rows.ring + rows.ready % rows.ring_rows * kOutRow);
  rows.ready += kGroup;
  drain_ring(rows);
}

// An upright row. It waits until there are four, or no more.
void hold_row(levit_rows& rows, const uint8_t* pixels) {
  std::memcpy(rows.held + rows.holding++ * rows.row_bytes, pixels, rows.row_bytes);
  if (rows.holding < kGroup && rows.ready + rows.holding < rows.across.extent) return;
  const uint8_t* group[kGroup];
  for (size_t r = 0; r < kGroup; ++r)
    group[r] = rows.held + (r < rows.holding ? r : rows.holding - 1) * rows.row_bytes;
  rows.holding = 0;
  add_group(rows, group);
}

// A row of a turned picture that does not shrink along it.
void ring_row(levit_rows& rows, const uint8_t* pixels) {
  std::memcpy(rows.ring + rows.ready % rows.ring_rows * rows.ring_stride, pixels, rows.row_bytes);
  ++rows.ready;
  drain_ring(rows);
}

// A row of a turned picture that shrinks along it: into the sums of the columns that it belongs to.
void accumulate_row(levit_rows& rows, const uint8_t* pixels) {
  const uint64_t taps = rows.across.taps;
  for (; rows.opened < kSide; ++rows.opened) {
    const uint64_t slot = rows.opened % kMostOpen, top = first_tap(rows.across, rows.opened);
    if (top > rows.ready) break;
    rows.tops[slot] = top;
    fill_taps(rows.across, rows.opened, rows.across_taps + slot * taps);
    for (size_t i = 0; i < rows.row_bytes; ++i)
      rows.sums[slot * rows.row_bytes + i] = int32_t{1} << (kernels::kResampleBits - 1);
  }
  for (uint64_t p = rows.next; p < rows.opened; ++p) {
    const uint64_t slot = p % kMostOpen, tap = rows.ready - rows.tops[slot];
    kernels::ResampleAccumulate call{};
    call.row = pixels;
    call.width = rows.row_bytes;
    call.weight = rows.across_taps[slot * taps + tap];
    call.sums = rows.sums + slot * rows.row_bytes;
    rows.dispatch->resample_accumulate(call);
  }
  while (rows.next < rows.opened && rows.tops[rows.next % kMostOpen] + taps == rows.ready + 1) {
    kernels::ResampleFinish call{};
    call.sums = rows.sums + rows.next % kMostOpen * rows.row_bytes;
    call.width = rows.row_bytes;
    call.out = rows.held + rows.holding * rows.row_bytes;
    rows.dispatch->resample_finish(call);
    finish_line(rows);
  }
  ++rows.ready;
}

// torchvision's CenterCrop rounds half of the rest to the even integer, Hugging Face's down.
uint64_t crop_offset(uint64_t side, levit_resize resize) {
  const uint64_t rest = side - kSide, half = rest / 2;
  return resize != LEVIT_RESIZE_HF && rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

bool known(levit_resize resize) {
  return resize == LEVIT_RESIZE_SQUASH || resize == LEVIT_RESIZE_TIMM || resize == LEVIT_RESIZE_HF;
}

levit_status check_size(size_t width, size_t height, levit_resize resize) {
  if (width == 0 || height == 0) return LEVIT_IMAGE;
  return known(resize) && width <= kLargestSide && height <= kLargestSide ? LEVIT_OK : LEVIT_ARGUMENT;
}

// Of a picture as stored.
Geometry upright_geometry(size_t width, size_t height, int orientation, levit_resize resize) {
  return orientation >= 5 ? geometry(height, width, resize) : geometry(width, height, resize);
}

}  // namespace

Geometry geometry(size_t width, size_t height, levit_resize resize) {
  if (resize == LEVIT_RESIZE_SQUASH)
    return {{Filter::kBilinear, width, kSide, 0}, {Filter::kBilinear, height, kSide, 0}};
  const uint64_t shorter = width < height ? width : height, longer = width < height ? height : width;
  const uint64_t side = resize == LEVIT_RESIZE_TIMM ? 248 : 256;
  const auto other = static_cast<uint64_t>(static_cast<double>(side * longer) / static_cast<double>(shorter));
  const uint64_t out_width = width <= height ? side : other, out_height = width <= height ? other : side;
  return {{Filter::kBicubic, width, out_width, crop_offset(out_width, resize)},
          {Filter::kBicubic, height, out_height, crop_offset(out_height, resize)}};
}

size_t rows_bytes(const Geometry& geometry, int orientation) {
  levit_rows rows{};
  const uint64_t bytes = lay_out(geometry, orientation, nullptr, rows) + kAlignment - 1;
  return bytes <= SIZE_MAX ? static_cast<size_t>(bytes) : 0;
}

levit_rows* begin_rows(const kernels::Dispatch& dispatch, const Geometry& geometry, int orientation,
                       void* scratch, uint8_t* out) {
  auto* base = static_cast<uint8_t*>(scratch);
  base += (kAlignment - reinterpret_cast<uintptr_t>(base) % kAlignment) % kAlignment;
  levit_rows& rows = *new (base) levit_rows{};
  lay_out(geometry, orientation, base, rows);
  rows.dispatch = &dispatch;
  rows.out = out;
  for (size_t i = 0; i < kSide; ++i) {
    rows.first[i] = static_cast<uint32_t>(first_tap(rows.along, mirrored(rows.along, i)));
    fill_taps(rows.along, mirrored(rows.along, i), rows.along_taps + i * rows.along.taps);
  }
  if (!accumulates(rows)) open_next(rows);
  return &rows;
}

void add_rows(levit_rows& rows, const uint8_t* pixels, size_t stride, size_t count) {
  const uint64_t end = rows.across.origin + rows.across.extent;
  for (size_t i = 0; i < count && rows.next < kSide;) {
    const uint8_t* const row = pixels + i * stride + 3 * rows.along.origin;
    const uint64_t at = rows.given;
    size_t used = 1;
    if (at < rows.across.origin || at >= end) {
      // above or below the window
    } else if (accumulates(rows)) {
      accumulate_row(rows, row);
    } else if (rows.transposed) {
      ring_row(rows, row);
    } else if (rows.holding == 0 && count - i >= kGroup && end - at >= kGroup) {
      add_group(rows, {row, row + stride, row + 2 * stride, row + 3 * stride});
      used = kGroup;
    } else {
      hold_row(rows, row);
    }
    rows.given += used;
    i += used;
  }
}

}  // namespace levit::runtime

using levit::runtime::geometry;
using levit::runtime::Geometry;

extern "C" levit_status levit_rows_bytes(size_t width, size_t height, int orientation, levit_resize resize,
                                         size_t* bytes) {
  if (bytes == nullptr || orientation < 1 || orientation > 8) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_size(width, height, resize);
  if (status != LEVIT_OK) return status;
  const Geometry g = levit::runtime::upright_geometry(width, height, orientation, resize);
  *bytes = levit::runtime::rows_bytes(g, orientation);
  return *bytes != 0 ? LEVIT_OK : LEVIT_ARGUMENT;
}

extern "C" levit_status levit_rows_begin(const levit_context* context, size_t width, size_t height,
                                         int orientation, levit_resize resize, void* scratch,
                                         size_t scratch_bytes, uint8_t* out, levit_rows** rows) {
  if (scratch == nullptr || out == nullptr || rows == nullptr) return LEVIT_ARGUMENT;
  size_t needed = 0;
  const levit_status status = levit_rows_bytes(width, height, orientation, resize, &needed);
  if (status != LEVIT_OK) return status;
  if (scratch_bytes < needed) return LEVIT_ARENA;
  const Geometry g = levit::runtime::upright_geometry(width, height, orientation, resize);
  *rows = levit::runtime::begin_rows(levit::runtime::dispatch_of(context), g, orientation, scratch, out);
  return LEVIT_OK;
}

extern "C" levit_status levit_rows_add(levit_rows* rows, const uint8_t* pixels, size_t stride, size_t count) {
  if (rows == nullptr || (pixels == nullptr && count > 0)) return LEVIT_ARGUMENT;
  levit::runtime::add_rows(*rows, pixels, stride, count);
  return LEVIT_OK;
}

extern "C" levit_status levit_rows_end(const levit_rows* rows) {
  if (rows == nullptr) return LEVIT_ARGUMENT;
  return rows->next == kSide ? LEVIT_OK : LEVIT_IMAGE;
}

extern "C" levit_status levit_preprocess_bytes(size_t width, size_t height, levit_resize resize,
                                               size_t* bytes) {
  return levit_rows_bytes(width, height, 1, resize, bytes);
}

extern "C" levit_status levit_preprocess(const levit_context* context, const levit_image* image,
                                         levit_resize resize, void* scratch, size_t scratch_bytes,
                                         uint8_t* out) {
  if (image == nullptr || image->pixels == nullptr || scratch == nullptr || out == nullptr)
    return LEVIT_ARGUMENT;
  size_t needed = 0;
  const levit_status status = levit_preprocess_bytes(image->width, image->height, resize, &needed);
  if (status != LEVIT_OK) return status;
  if (image->stride / 3 < image->width) return LEVIT_IMAGE;
  levit_rows* rows = nullptr;
  const levit_status begun =
      levit_rows_begin(context, image->width, image->height, 1, resize, scratch, scratch_bytes, out, &rows);
  if (begun != LEVIT_OK) return begun;
  levit::runtime::add_rows(*rows, image->pixels, image->stride, image->height);
  return LEVIT_OK;
}

extern "C" levit_status levit_preprocess_window(size_t width, size_t height, levit_resize resize,
                                                levit_window* window) {
  if (window == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_size(width, height, resize);
  if (status != LEVIT_OK) return status;
  const Geometry g = geometry(width, height, resize);
  const double x = static_cast<double>(g.x.in) / static_cast<double>(g.x.out);
  const double y = static_cast<double>(g.y.in) / static_cast<double>(g.y.out);
  *window = {static_cast<double>(g.x.offset) * x, static_cast<double>(g.y.offset) * y, LEVIT_SIDE * x,
             LEVIT_SIDE * y};
  return LEVIT_OK;
}
