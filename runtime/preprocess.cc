#include "runtime/preprocess.h"

#include "kernels/dispatch.h"
#include "kernels/pixels.h"

namespace levit::runtime {
namespace {

constexpr size_t kSide = LEVIT_SIDE;
constexpr size_t kAlignment = 64;
constexpr size_t kRowStride = (3 * kSide + 1 + kAlignment - 1) / kAlignment * kAlignment;

// Source positions [first, last) under one output position.
struct Span {
  uint64_t first, last;
};

// An axis with what its every output position needs.
struct Kernel {
  Axis axis;
  double scale, support, inverse;  // source positions per output; reach of the filter; 1 / its stretch
  uint64_t origin;                 // first source position under the window
  uint64_t extent;                 // source positions under it
  uint64_t taps;                   // of the longest span
};

double center(const Kernel& kernel, uint64_t position) {
  return (static_cast<double>(kernel.axis.offset + position) + 0.5) * kernel.scale;
}

Span span(const Kernel& kernel, uint64_t position) {
  const double middle = center(kernel, position);
  const double from = middle - kernel.support + 0.5,
               to = middle + kernel.support + 0.5;  // truncated, as Pillow does
  const auto first = static_cast<int64_t>(from);
  const auto last = static_cast<uint64_t>(to);
  return {first < 0 ? 0 : static_cast<uint64_t>(first), last > kernel.axis.in ? kernel.axis.in : last};
}

Kernel make_kernel(const Axis& axis) {
  Kernel kernel{axis, static_cast<double>(axis.in) / static_cast<double>(axis.out), 0, 0, 0, 0, 0};
  const double stretch = kernel.scale > 1 ? kernel.scale : 1;
  kernel.support = (axis.filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  kernel.inverse = 1.0 / stretch;
  kernel.origin = span(kernel, 0).first;
  kernel.extent = span(kernel, kSide - 1).last - kernel.origin;
  for (uint64_t position = 0; position < kSide; ++position) {
    const Span s = span(kernel, position);
    if (s.last - s.first > kernel.taps) kernel.taps = s.last - s.first;
  }
  return kernel;
}

double filter_at(Filter filter, double x) {
  if (x < 0) x = -x;
  if (filter == Filter::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// The fixed-point weights [taps] of one output position; returns the source position, from the window's
// origin, of the first. Spans are shorter at the picture's edges: zeros fill them up, in front where there is
// no room behind.
uint64_t fill_weights(const Kernel& kernel, uint64_t position, int32_t* weights) {
  const Span s = span(kernel, position);
  const double middle = center(kernel, position);
  const auto filter_of = [&](uint64_t source) {
    return filter_at(kernel.axis.filter, (static_cast<double>(source) - middle + 0.5) * kernel.inverse);
  };
  double sum = 0;
  for (uint64_t source = s.first; source < s.last; ++source) sum += filter_of(source);

  const uint64_t end = kernel.origin + kernel.extent;
  const uint64_t first = s.first + kernel.taps > end ? end - kernel.taps : s.first;
  for (uint64_t j = 0; j < kernel.taps; ++j) {
    const uint64_t source = first + j;
    double weight = 0;
    if (source >= s.first && source < s.last) weight = sum != 0 ? filter_of(source) / sum : filter_of(source);
    const double scaled = weight * (1 << kernels::kResampleBits);
    weights[j] = static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return first - kernel.origin;
}

// Where everything lies in the scratch.
struct Layout {
  uint64_t first, horizontal, vertical, block, ring, bytes;
  uint64_t ring_rows;
};

Layout layout(const Kernel& x, const Kernel& y) {
  const auto aligned = [](uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
  Layout l{};
  // Rows come in groups; one output row needs `taps` of them and its first may be the last of a group.
  const uint64_t groups = (y.taps + 2 * (kernels::kResampleRows - 1)) / kernels::kResampleRows;
  l.ring_rows = groups * kernels::kResampleRows;
  l.horizontal = l.first + aligned(kSide * sizeof(uint32_t));
  l.vertical = l.horizontal + aligned(kSide * x.taps * sizeof(int32_t));
  l.block = l.vertical + aligned(y.taps * sizeof(int32_t));
  l.ring = l.block + aligned(x.extent * kernels::kResampleRows * 4);
  l.bytes = l.ring + l.ring_rows * kRowStride;
  return l;
}

uint8_t* align_up(void* scratch) {
  auto* bytes = static_cast<uint8_t*>(scratch);
  return bytes + (kAlignment - reinterpret_cast<uintptr_t>(bytes) % kAlignment) % kAlignment;
}

// torchvision's CenterCrop: half of the rest, halves to the even integer.
uint64_t crop_offset(uint64_t side) {
  const uint64_t rest = side - kSide, half = rest / 2;
  return rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

bool known(levit_resize resize) {
  return resize == LEVIT_RESIZE_SQUASH || resize == LEVIT_RESIZE_TIMM || resize == LEVIT_RESIZE_HF;
}

levit_status check_size(size_t width, size_t height, levit_resize resize) {
  if (width == 0 || height == 0) return LEVIT_IMAGE;
  return known(resize) && width <= kLargestSide && height <= kLargestSide ? LEVIT_OK : LEVIT_ARGUMENT;
}

}  // namespace

Geometry geometry(size_t width, size_t height, levit_resize resize) {
  if (resize == LEVIT_RESIZE_SQUASH)
    return {{Filter::kBilinear, width, kSide, 0}, {Filter::kBilinear, height, kSide, 0}};
  const uint64_t shorter = width < height ? width : height, longer = width < height ? height : width;
  const uint64_t side = resize == LEVIT_RESIZE_TIMM ? 248 : 256;
  const auto other = static_cast<uint64_t>(static_cast<double>(side * longer) / static_cast<double>(shorter));
  const uint64_t out_width = width <= height ? side : other, out_height = width <= height ? other : side;
  return {{Filter::kBicubic, width, out_width, crop_offset(out_width)},
          {Filter::kBicubic, height, out_height, crop_offset(out_height)}};
}

size_t resample_bytes(const Geometry& geometry) {
  const uint64_t bytes = layout(make_kernel(geometry.x), make_kernel(geometry.y)).bytes + kAlignment - 1;
  return bytes <= SIZE_MAX ? static_cast<size_t>(bytes) : 0;
}

void resample(const levit_image& image, const Geometry& geometry, void* scratch, uint8_t* out) {
  const Kernel x = make_kernel(geometry.x), y = make_kernel(geometry.y);
  const Layout l = layout(x, y);
  const kernels::Dispatch& dispatch = *kernels::find_target(nullptr);
  uint8_t* const base = align_up(scratch);
  auto* first = reinterpret_cast<uint32_t*>(base + l.first);
  auto* horizontal = reinterpret_cast<int32_t*>(base + l.horizontal);
  auto* vertical = reinterpret_cast<int32_t*>(base + l.vertical);
  uint8_t* const ring = base + l.ring;
  for (size_t i = 0; i < kSide; ++i)
    first[i] = static_cast<uint32_t>(fill_weights(x, i, horizontal + i * x.taps));

  const uint8_t* const window = image.pixels + static_cast<size_t>(y.origin) * image.stride + 3 * x.origin;
  uint64_t ready = 0;  // rows of the window that went into the ring
  for (size_t i = 0; i < kSide; ++i) {
    const uint64_t top = fill_weights(y, i, vertical);
    while (ready < top + y.taps) {
      kernels::ResampleHorizontal rows{};
      for (size_t r = 0; r < kernels::kResampleRows; ++r) {
        const uint64_t row = ready + r < y.extent ? ready + r : y.extent - 1;
        rows.rows[r] = window + static_cast<size_t>(row) * image.stride;
      }
      rows.pixels = static_cast<size_t>(x.extent);
      rows.first = first;
      rows.weights = horizontal;
      rows.taps = static_cast<size_t>(x.taps);
      rows.count = kSide;
      rows.interleaved = base + l.block;
      rows.out = ring + ready % l.ring_rows * kRowStride;
      rows.out_stride = kRowStride;
      dispatch.resample_horizontal(rows);
      ready += kernels::kResampleRows;
    }
    kernels::ResampleVertical rows{};
    rows.ring = ring;
    rows.stride = kRowStride;
    rows.capacity = static_cast<size_t>(l.ring_rows);
    rows.first = static_cast<size_t>(top % l.ring_rows);
    rows.weights = vertical;
    rows.taps = static_cast<size_t>(y.taps);
    rows.out = out + i * 3 * kSide;
    rows.width = 3 * kSide;
    dispatch.resample_vertical(rows);
  }
}

}  // namespace levit::runtime

using levit::runtime::geometry;
using levit::runtime::Geometry;

extern "C" levit_status levit_preprocess_bytes(size_t width, size_t height, levit_resize resize,
                                               size_t* bytes) {
  if (bytes == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_size(width, height, resize);
  if (status != LEVIT_OK) return status;
  *bytes = levit::runtime::resample_bytes(geometry(width, height, resize));
  return *bytes != 0 ? LEVIT_OK : LEVIT_ARGUMENT;
}

extern "C" levit_status levit_preprocess(const levit_image* image, levit_resize resize, void* scratch,
                                         size_t scratch_bytes, uint8_t* out) {
  if (image == nullptr || image->pixels == nullptr || scratch == nullptr || out == nullptr)
    return LEVIT_ARGUMENT;
  size_t needed = 0;
  const levit_status status = levit_preprocess_bytes(image->width, image->height, resize, &needed);
  if (status != LEVIT_OK) return status;
  if (image->stride / 3 < image->width) return LEVIT_IMAGE;
  if (scratch_bytes < needed) return LEVIT_ARENA;
  levit::runtime::resample(*image, geometry(image->width, image->height, resize), scratch, out);
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
