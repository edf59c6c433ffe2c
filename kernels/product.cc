#include <cstring>

#include "kernels/half.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/hardswish-inl.h"
#include "kernels/product-inl.h"
#include "kernels/widen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void widen_half(const WidenHalf&);

namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr size_t kLanes = HWY_LANES(float);

// Accumulators, weights and one broadcast fill the register file: 14 * 2 + 2 + 1 of 32, 6 * 2 + 2 + 1 (+ 1
// for the product where there is no FMA) of 16. One lane is for the compiler's own vectorisation of eight
// columns.
#if HWY_TARGET == HWY_AVX3
constexpr size_t kTileVectors = 2;
constexpr size_t kTileRows = 14;
#elif HWY_TARGET == HWY_NEON
constexpr size_t kTileVectors = 4;
constexpr size_t kTileRows = 6;
#elif HWY_TARGET == HWY_SCALAR
constexpr size_t kTileVectors = 8;
constexpr size_t kTileRows = 2;
#else
constexpr size_t kTileVectors = 2;
constexpr size_t kTileRows = 6;
#endif
constexpr size_t kTileColumns = kTileVectors * kLanes;
constexpr size_t kTilePanels = kTileColumns > kPanelWidth ? kTileColumns / kPanelWidth : 1;

// The most rows of a tile `vectors` wide. One vector wide, every broadcast feeds one multiplication only; 12
// rows, whose addresses stay in general registers, are then faster than 14.
constexpr size_t most_rows(size_t vectors) {
  return vectors == 1 && kTileRows > 12 ? 12 : kTileRows;
}

// Rows this many floats apart share one set of a first-level cache, which has at least this many ways.
constexpr size_t kCacheStride = 1024, kCacheWays = 8;

// What the tiles of some columns read and write, at row 0. Where a tile spans several panels, panel i has its
// own addresses.
struct Tile {
  const float* const* segment;
  size_t segments, segment_length, x_stride;
  const void* w[kTilePanels];  // weights of k = 0
  uintptr_t next;    // what to prefetch for the next columns, perhaps behind all weights: blocks of 16 k, ...
  size_t next_step;  // ... bytes from one to the next
  const float* bias;  // [columns]
  float* y[kTilePanels];
  float* pre[kTilePanels];             // or null
  const float* slope_at[kTilePanels];  // or null
  const float* residual[kTilePanels];  // or null
  size_t y_stride, pre_stride;
  bool hardswish;
};

HWY_INLINE V load_weights(D d, const float* w) {
  return hn::LoadU(d, w);
}
// Not on targets that widen into scratch first.
[[maybe_unused]] HWY_INLINE V load_weights(D d, const uint16_t* w) {
  return widen(d, w);
}

// Without FMA every step rounds twice; adding up runs of this many steps on their own keeps the error of long
// sums where FMA has it.
constexpr size_t kRun = 64;

// Weights of 16 steps of k in a panel.
constexpr size_t kBlock = kPanelWidth * kPanelWidth;

// acc [kRows][kVectors] += x w over `count` steps of k, in order.
template <size_t kRows, size_t kVectors, class W>
HWY_INLINE void accumulate_run(const Tile& t, const float* HWY_RESTRICT x, size_t at, size_t count,
                               V (&acc)[kRows][kVectors]) {
  const D d;
  for (size_t k = 0; k < count; ++k) {
    if constexpr (kVectors > 1) {  // one vector wide, loads are what bounds a tile
      constexpr size_t kBytes = kVectors * kLanes * sizeof(W);
      const uintptr_t next = t.next + at / kBlock * t.next_step + at % kBlock / kPanelWidth * kBytes;
      for (size_t line = 0; line < kBytes; line += 64) {
        hwy::Prefetch(reinterpret_cast<const char*>(next + line));
      }
    }
    V w[kVectors];
    for (size_t c = 0; c < kVectors; ++c) {
      const size_t column = c * kLanes;
      const W* from = static_cast<const W*>(t.w[column / kPanelWidth]) + at + column % kPanelWidth;
      w[c] = load_weights(d, from);
    }
    for (size_t r = 0; r < kRows; ++r) {
      const V xr = hn::Set(d, x[r * t.x_stride + k]);
      for (size_t c = 0; c < kVectors; ++c) {
        acc[r][c] = hn::MulAdd(xr, w[c], acc[r][c]);
      }
    }
    at += kPanelWidth;
  }
}

// acc [kRows][kVectors] += x w, k in order. Runs go on over the ends of segments, which are layout only.
template <size_t kRows, size_t kVectors, class W>
HWY_INLINE void accumulate(const Tile& t, size_t row, V (&acc)[kRows][kVectors]) {
  if constexpr (HWY_NATIVE_FMA) {
    for (size_t s = 0; s < t.segments; ++s) {
      const float* x = t.segment[s] + row * t.x_stride;
      accumulate_run<kRows, kVectors, W>(t, x, s * t.segment_length * kPanelWidth, t.segment_length, acc);
    }
    return;
  }
  const D d;
  const size_t depth = t.segments * t.segment_length;
  size_t s = 0, from = 0;  // of the next k
  for (size_t k = 0; k < depth;) {
    V run[kRows][kVectors];
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < kVectors; ++c) {
        run[r][c] = hn::Zero(d);
      }
    }
    for (size_t left = HWY_MIN(kRun, depth - k); left > 0;) {
      const size_t count = HWY_MIN(left, t.segment_length - from);
      const float* x = t.segment[s] + row * t.x_stride + from;
      accumulate_run<kRows, kVectors, W>(t, x, k * kPanelWidth, count, run);
      k += count;
      left -= count;
      from += count;
      if (from == t.segment_length) {
        ++s;
        from = 0;
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < kVectors; ++c) {
        acc[r][c] = hn::Add(acc[r][c], run[r][c]);
      }
    }
  }
}

// op(sum, where it lies in `panels`) for the whole tile in registers, hence the unrolling.
template <size_t kRows, size_t kVectors, class T, class Op>
HWY_INLINE void for_tile(V (&acc)[kRows][kVectors], T* const (&panels)[kTilePanels], size_t row,
                         size_t stride, const Op& op) {
  T* at[kVectors];
  for (size_t c = 0; c < kVectors; ++c) {
    at[c] = panels[c * kLanes / kPanelWidth] + row * stride + c * kLanes % kPanelWidth;
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t c = 0; c < kVectors; ++c) {
      op(acc[r][c], at[c]);
      at[c] += stride;
    }
  }
}

// Rows [row, row + kRows).
template <size_t kRows, size_t kVectors, class W>
HWY_NOINLINE void run_tile(const Tile& t, size_t row) {
  const D d;
  V acc[kRows][kVectors];
  for (size_t c = 0; c < kVectors; ++c) {
    acc[0][c] = hn::LoadU(d, t.bias + c * kLanes);
    for (size_t r = 1; r < kRows; ++r) {
      acc[r][c] = acc[0][c];
    }
  }
  // Lines a stride apart, which no hardware prefetcher foresees.
  for_tile(acc, t.y, row, t.y_stride, [](V&, const float* y) HWY_ATTR { hwy::Prefetch(y); });
  if (t.pre[0] != nullptr) {
    for_tile(acc, t.pre, row, t.pre_stride, [](V&, const float* pre) HWY_ATTR { hwy::Prefetch(pre); });
  }
  if (t.slope_at[0] != nullptr) {
    for_tile(acc, t.slope_at, row, t.y_stride, [](V&, const float* z) HWY_ATTR { hwy::Prefetch(z); });
  }
  accumulate<kRows, kVectors, W>(t, row, acc);
  if (t.pre[0] != nullptr) {
    for_tile(acc, t.pre, row, t.pre_stride, [](V& sum, float* pre) HWY_ATTR { hn::StoreU(sum, D(), pre); });
  }
  if (t.hardswish) {
    for_tile(acc, t.y, row, 0, [](V& sum, float*) HWY_ATTR { sum = hardswish(D(), sum); });
  }
  if (t.slope_at[0] != nullptr) {
    for_tile(acc, t.slope_at, row, t.y_stride, [](V& sum, const float* z) HWY_ATTR {
      sum = hn::Mul(sum, hardswish_slope(D(), hn::LoadU(D(), z)));
    });
  }
  if (t.residual[0] != nullptr) {
    for_tile(acc, t.residual, row, t.y_stride,
             [](V& sum, const float* residual) HWY_ATTR { sum = hn::Add(sum, hn::LoadU(D(), residual)); });
  }
  for_tile(acc, t.y, row, t.y_stride, [](V& sum, float* y) HWY_ATTR { hn::StoreU(sum, D(), y); });
}

// The tile of `rows` rows, 1..kRows.
template <size_t kRows, size_t kVectors, class W>
void run_rows(const Tile& t, size_t row, size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return run_rows<kRows - 1, kVectors, W>(t, row, rows);
    }
  }
  run_tile<kRows, kVectors, W>(t, row);
}

// Copies a rectangle.
HWY_INLINE void copy(const float* from, size_t from_stride, size_t rows, size_t columns, float* to,
                     size_t to_stride) {
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(to + r * to_stride, from + r * from_stride, columns * sizeof(float));
  }
}

// The tile of one panel whose last columns do not exist: it works on whole vectors in buffers, of which the
// existing part is copied.
template <size_t kVectors, class W>
void run_partial(const Tile& t, size_t row, size_t rows, size_t columns) {
  constexpr size_t kColumns = kVectors * kLanes;
  float y[kTileRows * kColumns];
  float pre[kTileRows * kColumns];
  float slope_at[kTileRows * kColumns] = {};
  float residual[kTileRows * kColumns] = {};
  const float* segment[kMaxSegments];
  for (size_t s = 0; s < t.segments; ++s) {
    segment[s] = t.segment[s] + row * t.x_stride;
  }
  Tile whole = t;
  whole.segment = segment;
  whole.y_stride = kColumns;
  whole.pre_stride = kColumns;
  whole.y[0] = y;
  const size_t at = row * t.y_stride;
  if (t.pre[0] != nullptr) {
    whole.pre[0] = pre;
  }
  if (t.slope_at[0] != nullptr) {
    copy(t.slope_at[0] + at, t.y_stride, rows, columns, slope_at, kColumns);
    whole.slope_at[0] = slope_at;
  }
  if (t.residual[0] != nullptr) {
    copy(t.residual[0] + at, t.y_stride, rows, columns, residual, kColumns);
    whole.residual[0] = residual;
  }
  run_rows<most_rows(kVectors), kVectors, W>(whole, 0, rows);
  copy(y, kColumns, rows, columns, t.y[0] + at, t.y_stride);
  if (t.pre[0] != nullptr) {
    copy(pre, kColumns, rows, columns, t.pre[0] + row * t.pre_stride, t.pre_stride);
  }
}

// All rows of the columns that one tile covers, of which `columns` exist.
template <size_t kVectors, class W>
void run_columns(const Tile& last, size_t row_begin, size_t row_end, size_t columns) {
  constexpr size_t kRows = most_rows(kVectors);
  const size_t most = last.x_stride % kCacheStride == 0 ? HWY_MIN(kRows, kCacheWays) : kRows;
  const size_t tiles = (row_end - row_begin + most - 1) / most;
  Tile t = last;
  t.next = reinterpret_cast<uintptr_t>(t.w[0]);  // only the last rows prefetch
  t.next_step = 0;
  size_t row = row_begin;
  for (size_t left = tiles; left > 0; --left) {
    const size_t rows = (row_end - row + left - 1) / left;
    const Tile& tile = left == 1 ? last : t;
    if (columns < kVectors * kLanes) {
      run_partial<kVectors, W>(tile, row, rows, columns);
    } else {
      run_rows<kRows, kVectors, W>(tile, row, rows);
    }
    row += rows;
  }
}

// Where column n of row 0 lies.
size_t column_offset(const BlockedRows& rows, size_t column) {
  return column < rows.block ? column : column / rows.block * rows.block_stride + column % rows.block;
}

// Sets the addresses of panel i of the tile, whose first column is `column`.
void place(const Product& p, size_t column, size_t i, Tile& t) {
  const size_t at = column_offset(p.y, column);
  t.y[i] = p.y.data + at;
  t.pre[i] = p.pre.data != nullptr ? p.pre.data + column_offset(p.pre, column) : nullptr;
  t.slope_at[i] = p.slope_at != nullptr ? p.slope_at + at : nullptr;
  t.residual[i] = p.residual != nullptr ? p.residual + at : nullptr;
}

template <class W>
void run(const Product& p) {
  static constexpr float kNoBias[kTileColumns] = {};
  Tile t = {};
  t.segment = p.x.segment;
  t.segments = p.x.segments;
  t.segment_length = p.x.segment_length;
  t.x_stride = p.x.stride;
  t.y_stride = p.y.stride;
  t.pre_stride = p.pre.stride;
  t.hardswish = p.hardswish;
  const W* w = static_cast<const W*>(p.w);
  const size_t panel = p.depth * kPanelWidth;
  size_t column = p.column_begin;
  while (column < p.column_end) {
    const size_t from = column - p.column_begin;
    const size_t columns = HWY_MIN(p.column_end - column, kTileColumns);
    for (size_t i = 0; i < kTilePanels; ++i) {
      t.w[i] = w + (from / kPanelWidth + i) * panel + from % kPanelWidth;
      place(p, column + i * kPanelWidth, i, t);
    }
    t.bias = p.bias != nullptr ? p.bias + from : kNoBias;
    if (p.next != nullptr) {
      t.next = reinterpret_cast<uintptr_t>(p.next) + from * kPanelWidth * sizeof(W);
      t.next_step = p.next_step;
    } else {
      t.next = reinterpret_cast<uintptr_t>(t.w[0]) + kTilePanels * panel * sizeof(W);
      t.next_step = kTilePanels * kBlock * sizeof(W);
    }
    if (columns == kTileColumns) {
      run_columns<kTileVectors, W>(t, p.row_begin, p.row_end, columns);
      column += columns;
    } else {  // one panel, or what there is of it
      constexpr size_t kColumns = HWY_MIN(kTileColumns, kPanelWidth);
      run_columns<kTileVectors / kTilePanels, W>(t, p.row_begin, p.row_end, HWY_MIN(columns, kColumns));
      column += kColumns;
    }
  }
}

}  // namespace

void product(const Product& p) {
  if (!p.half) {
    return run<float>(p);
  }
  if constexpr (kHasWiden) {
    return run<uint16_t>(p);
  }
  // One panel at a time through the scratch.
  const size_t count = p.depth * kPanelWidth;
  Product wide = p;
  wide.half = false;
  wide.w = p.scratch;
  for (size_t column = p.column_begin; column < p.column_end; column += kPanelWidth) {
    const size_t from = column - p.column_begin;
    widen_half({static_cast<const uint16_t*>(p.w) + from * p.depth, p.scratch, count});
    wide.bias = p.bias != nullptr ? p.bias + from : nullptr;
    wide.column_begin = column;
    wide.column_end = HWY_MIN(column + kPanelWidth, p.column_end);
    run<float>(wide);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
