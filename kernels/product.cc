#include "kernels/half.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product.cc"
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

// What a tile reads and writes. Where it spans several panels, panel i has its own addresses.
struct Tile {
  const float* const* segment;
  size_t segments, segment_length, x_stride;
  size_t row;                          // of x
  const void* w[kTilePanels];          // weights of k = 0, at the tile's first column
  const float* bias;                   // [columns]
  float* y[kTilePanels];               // first row and column of the tile
  float* pre[kTilePanels];             // or null
  const float* slope_at[kTilePanels];  // or null
  const float* residual[kTilePanels];  // or null
  size_t y_stride, pre_stride;
  bool hardswish;
};

HWY_INLINE V load_weights(D d, const float* w) {
  return hn::LoadU(d, w);
}
HWY_INLINE V load_weights(D d, const uint16_t* w) {
  return widen(d, w);
}

// acc [kRows][kVectors] += x w, k in order.
template <size_t kRows, size_t kVectors, class W>
HWY_INLINE void accumulate(const Tile& t, V (&acc)[kRows][kVectors]) {
  const D d;
  size_t at = 0;  // in w
  for (size_t s = 0; s < t.segments; ++s) {
    const float* HWY_RESTRICT x = t.segment[s] + t.row * t.x_stride;
    for (size_t k = 0; k < t.segment_length; ++k) {
      V w[kVectors];
      for (size_t c = 0; c < kVectors; ++c) {
        const size_t column = c * kLanes;
        w[c] = load_weights(d, static_cast<const W*>(t.w[column / kPanelWidth]) + at + column % kPanelWidth);
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
}

// One vector of results at offset `at` of panel i's part of the tile.
template <class DS>
HWY_INLINE void finish(const Tile& t, size_t i, DS d, size_t at, size_t pre_at, hn::Vec<DS> sum) {
  if (t.pre[i] != nullptr) {
    hn::StoreU(sum, d, t.pre[i] + pre_at);
  }
  if (t.hardswish) {
    sum = hardswish(d, sum);
  }
  if (t.slope_at[i] != nullptr) {
    sum = hn::Mul(sum, hardswish_slope(d, hn::LoadU(d, t.slope_at[i] + at)));
  }
  if (t.residual[i] != nullptr) {
    sum = hn::Add(sum, hn::LoadU(d, t.residual[i] + at));
  }
  hn::StoreU(sum, d, t.y[i] + at);
}

template <size_t kRows, size_t kVectors, class W>
HWY_NOINLINE void run_tile(const Tile& t) {
  const D d;
  V acc[kRows][kVectors];
  for (size_t c = 0; c < kVectors; ++c) {
    acc[0][c] = hn::LoadU(d, t.bias + c * kLanes);
    for (size_t r = 1; r < kRows; ++r) {
      acc[r][c] = acc[0][c];
    }
  }
  accumulate<kRows, kVectors, W>(t, acc);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t c = 0; c < kVectors; ++c) {
      const size_t column = c * kLanes;
      const size_t offset = column % kPanelWidth;
      finish(t, column / kPanelWidth, d, r * t.y_stride + offset, r * t.pre_stride + offset, acc[r][c]);
    }
  }
}

// The tile of that many rows, 1..kRows.
template <size_t kRows, size_t kVectors, class W>
void run_rows(size_t rows, const Tile& t) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return run_rows<kRows - 1, kVectors, W>(rows, t);
    }
  }
  run_tile<kRows, kVectors, W>(t);
}

size_t offset(const BlockedRows& rows, size_t row, size_t column) {
  const size_t block = column / rows.block;  // 0 where block_stride may be anything
  return (block == 0 ? 0 : block * rows.block_stride) + row * rows.stride + column % rows.block;
}

// Sets the addresses of the tile that starts at (row, column).
template <size_t kPanels>
HWY_INLINE void place(const Product& p, size_t row, size_t column, Tile& t) {
  t.row = row;
  for (size_t i = 0; i < kPanels; ++i) {
    const size_t at = offset(p.y, row, column + i * kPanelWidth);
    t.y[i] = p.y.data + at;
    t.slope_at[i] = p.slope_at != nullptr ? p.slope_at + at : nullptr;
    t.residual[i] = p.residual != nullptr ? p.residual + at : nullptr;
    t.pre[i] = p.pre.data != nullptr ? p.pre.data + offset(p.pre, row, column + i * kPanelWidth) : nullptr;
  }
}

// The tile whose last columns do not exist: sums go to a buffer of whole vectors, the results one by one.
template <size_t kVectors, class W>
void run_partial(const Tile& t, size_t rows, size_t columns) {
  const hn::CappedTag<float, 1> d;
  float sums[kTileRows * kTileColumns];
  Tile whole = t;
  for (size_t i = 0; i < kTilePanels; ++i) {
    whole.y[i] = sums + i * kPanelWidth;
    whole.pre[i] = nullptr;
    whole.slope_at[i] = nullptr;
    whole.residual[i] = nullptr;
  }
  whole.y_stride = kTileColumns;
  whole.hardswish = false;
  run_rows<kTileRows, kVectors, W>(rows, whole);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) {
      const size_t i = c / kPanelWidth;
      const size_t column = c % kPanelWidth;
      finish(t, i, d, r * t.y_stride + column, r * t.pre_stride + column,
             hn::Set(d, sums[r * kTileColumns + c]));
    }
  }
}

// All rows of the columns [column, column + columns) that one tile covers.
template <size_t kVectors, class W>
void run_columns(const Product& p, size_t column, size_t columns, Tile& t) {
  constexpr size_t kPanels = kVectors * kLanes > kPanelWidth ? kVectors * kLanes / kPanelWidth : 1;
  const size_t rows = p.row_end - p.row_begin;
  const size_t tiles = (rows + kTileRows - 1) / kTileRows;
  size_t row = p.row_begin;
  for (size_t i = 0; i < tiles; ++i) {
    const size_t tile_rows = rows / tiles + (i < rows % tiles);
    place<kPanels>(p, row, column, t);
    if (columns < kVectors * kLanes) {
      run_partial<kVectors, W>(t, tile_rows, columns);
    } else {
      run_rows<kTileRows, kVectors, W>(tile_rows, t);
    }
    row += tile_rows;
  }
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
  for (size_t column = p.column_begin; column < p.column_end; column += kTileColumns) {
    const size_t from = column - p.column_begin;
    const size_t columns = HWY_MIN(p.column_end - column, kTileColumns);
    for (size_t i = 0; i < kTilePanels; ++i) {
      t.w[i] = w + (from / kPanelWidth + i) * panel + from % kPanelWidth;
    }
    t.bias = p.bias != nullptr ? p.bias + from : kNoBias;
    if constexpr (kTilePanels == 2) {
      if (columns <= kPanelWidth) {
        run_columns<kTileVectors / 2, W>(p, column, columns, t);
        continue;
      }
    }
    run_columns<kTileVectors, W>(p, column, columns, t);
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
