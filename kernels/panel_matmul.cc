// Rows times panels: the loop in which the network spends its time.
//
// A tile of up to kTileRows rows by kTileVectors vectors of columns stays in registers while k runs over the
// whole depth: one weight vector is loaded for all rows of the tile, one broadcast x for all its columns.
// Rows are cut evenly (49 = 13 + 12 + 12 + 12), so there is no short last tile. fp16 and int8 weights are
// widened on the way to the multiplier where that is cheap, else one panel at a time through the scratch.
//
// Measured (bench/README.md): 86 to 93 % of the FMA peak at 16, 49 and 196 rows with AVX-512. Prefetching the
// next panels while the last rows run took 11 % off the whole network, since the weights of stage 2 come from
// L3; in tiles one vector wide, which loads bound already, it cost 8 %.
#include <cstring>

#include "kernels/dispatch.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/panel_matmul.cc"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/panel_matmul-inl.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

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
#elif HWY_TARGET == LEVIT_NEON
constexpr size_t kTileVectors = 4;
constexpr size_t kTileRows = 6;
#elif HWY_TARGET == HWY_SCALAR
constexpr size_t kTileVectors = 8;
constexpr size_t kTileRows = 2;
#elif HWY_TARGET == HWY_WASM
// Browsers keep eight sums in registers; of twelve they spill some, which takes a fifth longer.
constexpr size_t kTileVectors = 4;
constexpr size_t kTileRows = 2;
#else
constexpr size_t kTileVectors = 2;
constexpr size_t kTileRows = 6;
#endif
constexpr size_t kTileColumns = kTileVectors * kLanes;
constexpr size_t kTilePanels = kTileColumns > kPanelWidth ? kTileColumns / kPanelWidth : 1;

// Whether values before hardswish can go past the caches: in training, where a row of a tile is whole cache
// lines, for parts of lines are slow. Only training keeps them longer than a cache does, in fp32.
constexpr size_t kLine = 64;
template <class W>
constexpr bool kStreams = kTrains && sizeof(W) == sizeof(float) && kTileColumns * sizeof(float) % kLine == 0;

// The most rows of a tile `vectors` wide. One vector wide, every broadcast feeds one multiplication only; 12
// rows, whose addresses stay in general registers, are then faster than 14.
constexpr size_t most_rows(size_t vectors) {
  return vectors == 1 && kTileRows > 12 ? 12 : kTileRows;
}

// Rows this many floats apart share one set of a first-level cache, which has at least this many ways.
constexpr size_t kCacheStride = 1024, kCacheWays = 8;

// What the tiles of some columns read and write, at row 0, beside what the whole product says. Where a tile
// spans several panels, panel i has its own addresses.
struct Tile {
  const Gemm* g;
  const void* w[kTilePanels];  // weights of k = 0
  uintptr_t
      next;  // what to prefetch for the next columns, perhaps behind all weights: 16 rows of a panel, ...
  size_t next_stride;  // ... bytes from these to the next 16
  const float* bias;   // [columns]
  const float* scale;  // [columns], of int8
  float* y[kTilePanels];
  float* pre[kTilePanels];             // or null
  const float* slope_at[kTilePanels];  // or null
  const float* residual[kTilePanels];  // or null
  bool streams;                        // pre goes past the caches

  // What only gradients ask for; never in builds without them.
  bool keeps() const { return kGradients && pre[0] != nullptr; }
  bool slopes() const { return kGradients && slope_at[0] != nullptr; }
};

HWY_INLINE V load_weights(D d, const float* w) {
  return hn::LoadU(d, w);
}
// Not on targets that widen into scratch first.
template <class W>
[[maybe_unused]] HWY_INLINE V load_weights(D d, const W* w) {
  return widen(d, w);
}

// Whether int8 is widened on the way. NEON takes five instructions for two vectors, and more than one tile
// shares a widened panel.
constexpr bool kWidensInt8 = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;

// Without FMA every term is rounded twice; adding up this many of them on their own keeps the error of long
// sums where FMA has it.
constexpr size_t kPartialSum = 64;

// Numbers in 16 rows of a panel.
constexpr size_t kSquare = kPanelWidth * kPanelWidth;

// acc [kRows][kVectors] += x w over `count` values of k, in order.
template <size_t kRows, size_t kVectors, class W>
HWY_INLINE void accumulate_part(const Tile& t, const float* HWY_RESTRICT x, size_t at, size_t count,
                                V (&acc)[kRows][kVectors]) {
  const D d;
  const size_t x_stride = t.g->x.stride;
  // Few addresses, or GCC keeps some in vector registers, and moving them back takes a multiplier's turn (11
  // % of a tile of 8 rows): rows are one or two strides behind every third one, and what to prefetch is
  // counted on.
  constexpr size_t kShared = kRows > 6 ? 3 : kRows, kBases = divide_up(kRows, kShared);
  const float* HWY_RESTRICT base[kBases];
#pragma GCC unroll 8
  for (size_t i = 0; i < kBases; ++i) {
    base[i] = x + i * kShared * x_stride;
  }
  constexpr size_t kBytes = kVectors * kLanes * sizeof(W);
  uintptr_t next = t.next + at / kSquare * t.next_stride;  // about: a segment may end within 16 rows
  const size_t step = t.next_stride - kPanelWidth * kBytes;
  for (size_t k = 0; k < count; ++k) {
    if constexpr (kVectors > 1) {  // one vector wide, loads are what bounds a tile
      for (size_t line = 0; line < kBytes; line += 64) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): may lie behind the weights, where no pointer may point
        hwy::Prefetch(reinterpret_cast<const char*>(next + line));
      }
      next += kBytes + (k % kPanelWidth == kPanelWidth - 1 ? step : 0);
    }
    V w[kVectors];
    for (size_t c = 0; c < kVectors; ++c) {
      const size_t column = c * kLanes;
      const W* from = static_cast<const W*>(t.w[column / kPanelWidth]) + at + column % kPanelWidth;
      w[c] = load_weights(d, from);
    }
    for (size_t r = 0; r < kRows; ++r) {
      const V xr = hn::Set(d, base[r / kShared][r % kShared * x_stride + k]);
      for (size_t c = 0; c < kVectors; ++c) {
        acc[r][c] = hn::MulAdd(xr, w[c], acc[r][c]);
      }
    }
    at += kPanelWidth;
  }
}

// acc [kRows][kVectors] += x w, k in order. Partial sums go on over the ends of segments, which are layout
// only.
template <size_t kRows, size_t kVectors, class W>
HWY_INLINE void accumulate(const Tile& t, size_t row, V (&acc)[kRows][kVectors]) {
  const SegmentedRows& in = t.g->x;
  if constexpr (HWY_NATIVE_FMA) {
    for (size_t s = 0; s < in.segments; ++s) {
      const float* x = in.segment[s] + row * in.stride;
      accumulate_part<kRows, kVectors, W>(t, x, s * in.segment_length * kPanelWidth, in.segment_length, acc);
    }
    return;
  }
  const D d;
  const size_t depth = in.segments * in.segment_length;
  size_t s = 0, from = 0;  // of the next k
  for (size_t k = 0; k < depth;) {
    V part[kRows][kVectors];
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < kVectors; ++c) {
        part[r][c] = hn::Zero(d);
      }
    }
    for (size_t left = HWY_MIN(kPartialSum, depth - k); left > 0;) {
      const size_t count = HWY_MIN(left, in.segment_length - from);
      const float* x = in.segment[s] + row * in.stride + from;
      accumulate_part<kRows, kVectors, W>(t, x, k * kPanelWidth, count, part);
      k += count;
      left -= count;
      from += count;
      if (from == in.segment_length) {
        ++s;
        from = 0;
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < kVectors; ++c) {
        acc[r][c] = hn::Add(acc[r][c], part[r][c]);
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

// Prefetches the tile's part of `panels`, in a loop: unrolled, its addresses crowd out the sums (1 %).
template <size_t kRows, size_t kVectors, class T>
HWY_INLINE void prefetch_tile(T* const (&panels)[kTilePanels], size_t row, size_t stride) {
  size_t at = row * stride;
#pragma GCC unroll 1
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t c = 0; c < kVectors; ++c) {
      hwy::Prefetch(panels[c * kLanes / kPanelWidth] + at + c * kLanes % kPanelWidth);
    }
    at += stride;
  }
}

// Rows [row, row + kRows).
template <size_t kRows, size_t kVectors, class W>
HWY_NOINLINE void multiply_tile(const Tile& t, size_t row) {
  const D d;
  const size_t y_stride = t.g->y.stride, pre_stride = t.g->pre.stride;
  const bool streams = kStreams<W> && t.streams;
  V acc[kRows][kVectors];
  constexpr bool kScaled = sizeof(W) == sizeof(int8_t);
#pragma GCC unroll 8
  for (size_t c = 0; c < kVectors; ++c) {
    const V bias = kScaled ? hn::Zero(d) : hn::LoadU(d, t.bias + c * kLanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      acc[r][c] = bias;
    }
  }
  // Lines a stride apart, which no hardware prefetcher foresees.
  prefetch_tile<kRows, kVectors>(t.y, row, y_stride);
  if (t.keeps() && !streams) {
    prefetch_tile<kRows, kVectors>(t.pre, row, pre_stride);
  }
  if (t.slopes()) {
    prefetch_tile<kRows, kVectors>(t.slope_at, row, y_stride);
  }
  accumulate<kRows, kVectors, W>(t, row, acc);
  if constexpr (kScaled) {
    for (size_t c = 0; c < kVectors; ++c) {
      const V scale = hn::LoadU(d, t.scale + c * kLanes), bias = hn::LoadU(d, t.bias + c * kLanes);
      for (size_t r = 0; r < kRows; ++r) {
        acc[r][c] = hn::MulAdd(acc[r][c], scale, bias);
      }
    }
  }
  if (t.keeps() && streams) {
    for_tile(acc, t.pre, row, pre_stride, [](V& sum, float* pre) HWY_ATTR { hn::Stream(sum, D(), pre); });
  } else if (t.keeps()) {
    for_tile(acc, t.pre, row, pre_stride, [](V& sum, float* pre) HWY_ATTR { hn::StoreU(sum, D(), pre); });
  }
  if (t.g->hardswish) {
    for_tile(acc, t.y, row, 0, [](V& sum, float*) HWY_ATTR { sum = hardswish(D(), sum); });
  }
  if (t.slopes()) {
    for_tile(acc, t.slope_at, row, y_stride, [](V& sum, const float* z) HWY_ATTR {
      sum = hn::Mul(sum, hardswish_slope(D(), hn::LoadU(D(), z)));
    });
  }
  if (t.residual[0] != nullptr) {
    for_tile(acc, t.residual, row, y_stride,
             [](V& sum, const float* residual) HWY_ATTR { sum = hn::Add(sum, hn::LoadU(D(), residual)); });
  }
  for_tile(acc, t.y, row, y_stride, [](V& sum, float* y) HWY_ATTR { hn::StoreU(sum, D(), y); });
}

// The tile of `rows` rows, 1..kRows.
template <size_t kRows, size_t kVectors, class W>
void multiply_rows(const Tile& t, size_t row, size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return multiply_rows<kRows - 1, kVectors, W>(t, row, rows);
    }
  }
  multiply_tile<kRows, kVectors, W>(t, row);
}

// Copies a rectangle.
HWY_INLINE void copy(ConstRows from, size_t rows, size_t columns, Rows to) {
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(to[r], from[r], columns * sizeof(float));
  }
}

// The tile of one panel whose last columns do not exist: `multiply_tile` works on whole vectors in buffers,
// of which the existing part is copied. One for all kinds of weights, since this is rare.
template <size_t kVectors>
HWY_NOINLINE void multiply_partial(const Tile& t, size_t row, size_t rows, size_t columns,
                                   void (*multiply_tile)(const Tile& t, size_t row, size_t rows)) {
  constexpr size_t kColumns = kVectors * kLanes;
  float y[kTileRows * kColumns];
  float pre[kTileRows * kColumns];
  float slope_at[kTileRows * kColumns] = {};
  float residual[kTileRows * kColumns] = {};
  const float* segment[kMaxSegments];
  Gemm g = *t.g;
  for (size_t s = 0; s < g.x.segments; ++s) {
    segment[s] = t.g->x.segment[s] + row * g.x.stride;
  }
  g.x.segment = segment;
  g.y.stride = kColumns;
  g.pre.stride = kColumns;
  Tile whole = t;
  whole.g = &g;
  whole.streams = false;
  whole.y[0] = y;
  const size_t y_stride = t.g->y.stride, pre_stride = t.g->pre.stride;
  const size_t at = row * y_stride;
  if (t.keeps()) {
    whole.pre[0] = pre;
  }
  if (t.slopes()) {
    copy({t.slope_at[0] + at, y_stride}, rows, columns, {slope_at, kColumns});
    whole.slope_at[0] = slope_at;
  }
  if (t.residual[0] != nullptr) {
    copy({t.residual[0] + at, y_stride}, rows, columns, {residual, kColumns});
    whole.residual[0] = residual;
  }
  multiply_tile(whole, 0, rows);
  copy({y, kColumns}, rows, columns, {t.y[0] + at, y_stride});
  if (t.keeps()) {
    copy({pre, kColumns}, rows, columns, {t.pre[0] + row * pre_stride, pre_stride});
  }
}

// All rows of the columns that one tile covers, of which `columns` exist.
template <size_t kVectors, class W>
void multiply_columns(const Tile& last, size_t row_begin, size_t row_end, size_t columns) {
  constexpr size_t kRows = most_rows(kVectors);
  const size_t most = last.g->x.stride % kCacheStride == 0 ? HWY_MIN(kRows, kCacheWays) : kRows;
  const size_t tiles = divide_up(row_end - row_begin, most);
  Tile t = last;
  t.next = reinterpret_cast<uintptr_t>(t.w[0]);  // only the last rows prefetch
  t.next_stride = 0;
  size_t row = row_begin;
  for (size_t left = tiles; left > 0; --left) {
    const size_t rows = divide_up(row_end - row, left);
    const Tile& tile = left == 1 ? last : t;
    if (columns < kVectors * kLanes) {
      multiply_partial<kVectors>(tile, row, rows, columns, multiply_rows<kRows, kVectors, W>);
    } else {
      multiply_rows<kRows, kVectors, W>(tile, row, rows);
    }
    row += rows;
  }
}

// Where column n of row 0 lies.
size_t column_offset(const OutputRows& rows, size_t column) {
  const size_t length = rows.segment_length;
  return column < length ? column : column / length * rows.segment_stride + column % length;
}

// Sets the addresses of panel i of the tile, whose first column is `column`.
void set_addresses(const Gemm& g, size_t column, size_t i, Tile& t) {
  const size_t at = column_offset(g.y, column);
  t.y[i] = g.y.data + at;
  if constexpr (kGradients) {
    t.pre[i] = g.pre.data != nullptr ? g.pre.data + column_offset(g.pre, column) : nullptr;
    t.slope_at[i] = g.slope_at != nullptr ? g.slope_at + at : nullptr;
  }
  t.residual[i] = g.residual != nullptr ? g.residual + at : nullptr;
}

template <class W>
void multiply(const Gemm& g, const PanelSource& source) {
  static constexpr float kNoBias[kTileColumns] = {};
  Tile t = {};
  t.g = &g;
  t.streams = kStreams<W> && g.streams && is_aligned(g.pre.data, kLine) &&
              (g.pre.stride | g.pre.segment_stride) * sizeof(float) % kLine == 0;
  const W* w = static_cast<const W*>(source.data);
  const size_t panel = g.x.segments * g.x.segment_length * kPanelWidth;
  size_t column = g.column_begin;
  while (column < g.column_end) {
    const size_t from = column - g.column_begin;
    const size_t columns = HWY_MIN(g.column_end - column, kTileColumns);
    for (size_t i = 0; i < kTilePanels; ++i) {
      t.w[i] = w + (from / kPanelWidth + i) * panel + from % kPanelWidth;
      set_addresses(g, column + i * kPanelWidth, i, t);
    }
    t.bias = g.bias != nullptr ? g.bias + column : kNoBias;
    t.scale = source.scale != nullptr ? source.scale + from : nullptr;
    if (source.next != nullptr) {
      t.next = reinterpret_cast<uintptr_t>(source.next) + from * kPanelWidth * sizeof(W);
      t.next_stride = source.next_stride;
    } else {
      t.next = reinterpret_cast<uintptr_t>(t.w[0]) + kTilePanels * panel * sizeof(W);
      t.next_stride = kTilePanels * kSquare * sizeof(W);
    }
    if (columns == kTileColumns) {
      multiply_columns<kTileVectors, W>(t, g.row_begin, g.row_end, columns);
      column += columns;
    } else {  // one panel, or what there is of it
      constexpr size_t kColumns = HWY_MIN(kTileColumns, kPanelWidth);
      multiply_columns<kTileVectors / kTilePanels, W>(t, g.row_begin, g.row_end, HWY_MIN(columns, kColumns));
      column += kColumns;
    }
  }
  if (kStreams<W> && t.streams) {
    hwy::FlushStream();  // before another thread may be told
  }
}

}  // namespace

void panel_matmul(const Gemm& g, const PanelSource& w) {
  if (w.number == Number::kFloat) {
    return multiply<float>(g, w);
  }
  if constexpr (kHasWiden) {
    if (w.number == Number::kHalf) {
      return multiply<uint16_t>(g, w);
    }
  }
  if constexpr (kWidensInt8) {
    return multiply<int8_t>(g, w);
  }
  // One panel at a time through the scratch.
  const size_t depth = g.x.segments * g.x.segment_length;
  const char* panel = static_cast<const char*>(w.data);
  PanelSource wide = {};
  wide.data = g.scratch;
  wide.number = Number::kFloat;
  Gemm one = g;
  for (size_t column = g.column_begin; column < g.column_end; column += kPanelWidth) {
    if (w.number == Number::kInt8) {
      widen(reinterpret_cast<const int8_t*>(panel), w.scale + (column - g.column_begin), depth, g.scratch);
    } else {
      widen(reinterpret_cast<const uint16_t*>(panel), depth * kPanelWidth, g.scratch);
    }
    panel += depth * kPanelWidth * size_of(w.number);
    one.column_begin = column;
    one.column_end = HWY_MIN(column + kPanelWidth, g.column_end);
    multiply<float>(one, wide);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
