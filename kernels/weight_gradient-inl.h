// Sums of outer products over rows, dw += dy^T x, with dw in panels: the weight gradients of linear layers
// and of convolutions.
//
// A strip of two panels of outputs is copied from dy for some rows, so that it lies together in L1. A tile of
// the strip by some k stays in registers while the rows run, m = 0, 1, ... in order, one multiply-add each:
// the k of a row lie side by side, so one row feeds a tile from one or two cache lines.
#if defined(LEVIT_KERNELS_WEIGHT_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_WEIGHT_GRADIENT_INL_H_
#undef LEVIT_KERNELS_WEIGHT_GRADIENT_INL_H_
#else
#define LEVIT_KERNELS_WEIGHT_GRADIENT_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "kernels/gemm.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace outer {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;
constexpr size_t kLanes = HWY_LANES(float);

// As in panel_matmul.cc: sums, a row of the strip and one broadcast fill the register file.
#if HWY_TARGET == HWY_AVX3
constexpr size_t kTileVectors = 2, kTileRows = 14;
#elif HWY_TARGET == LEVIT_NEON
constexpr size_t kTileVectors = 4, kTileRows = 6;
#elif HWY_TARGET == HWY_SCALAR
constexpr size_t kTileVectors = 8, kTileRows = 2;
#else
constexpr size_t kTileVectors = 2, kTileRows = 6;
#endif
constexpr size_t kTileColumns = kTileVectors * kLanes;
static_assert(kWeightStrip % kTileColumns == 0);

}  // namespace outer

// Rows of x in groups: row m of group i begins at segment + i * group_stride + m * stride.
struct WeightGradient {
  SegmentedRows x;
  size_t groups, group_rows, group_stride;
  const float* strip;  // [groups * group_rows, kWeightStrip]
  size_t columns;      // of the strip, whole panels
  float* dw;           // the strip's first panel
  size_t depth;        // of a panel
  bool adds;           // dw holds sums to go on from; else it is written
};

namespace outer {

// The k from `at` on in segment `x`, kRows of them, by kVectors vectors of the strip from `column` on. What
// the tile behind this one needs of dw and x is prefetched: 2 % of a training step.
template <size_t kRows, size_t kVectors>
HWY_NOINLINE void add_tile(const WeightGradient& g, const float* x, size_t at, size_t column) {
  float* to[kVectors];
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t n = column + v * kLanes;
    to[v] = g.dw + (n / kPanelWidth * g.depth + at) * kPanelWidth + n % kPanelWidth;
  }
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      sum[r][v] = g.adds ? hn::LoadU(d, to[v] + r * kPanelWidth) : hn::Zero(d);
      prefetch(to[v], (kRows + r) * kPanelWidth);
    }
  }
  const float* HWY_RESTRICT dy = g.strip + column;
  const size_t stride = g.x.stride;
  for (size_t i = 0; i < g.groups; ++i) {
    const float* HWY_RESTRICT row = x + i * g.group_stride;
    for (size_t m = 0; m < g.group_rows; ++m) {
      prefetch(row, 2 * kRows - 1);
      V w[kVectors];
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; ++v) {
        w[v] = hn::LoadU(d, dy + v * kLanes);
      }
#pragma GCC unroll 16
      for (size_t r = 0; r < kRows; ++r) {
        const V factor = hn::Set(d, row[r]);
#pragma GCC unroll 8
        for (size_t v = 0; v < kVectors; ++v) {
          sum[r][v] = hn::MulAdd(factor, w[v], sum[r][v]);
        }
      }
      row += stride;
      dy += kWeightStrip;
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sum[r][v], d, to[v] + r * kPanelWidth);
    }
  }
}

template <size_t kRows, size_t kVectors>
void add_rows(const WeightGradient& g, size_t rows, const float* x, size_t at, size_t column) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return add_rows<kRows - 1, kVectors>(g, rows, x, at, column);
    }
  }
  add_tile<kRows, kVectors>(g, x, at, column);
}

// All k of all segments, cut evenly into tiles, by the strip's columns.
inline void add_strip(const WeightGradient& g) {
  for (size_t column = 0; column < g.columns; column += kTileColumns) {
    const bool whole = g.columns - column >= kTileColumns;
    for (size_t s = 0; s < g.x.segments; ++s) {
      const size_t length = g.x.segment_length;
      for (size_t k = 0, left = divide_up(length, kTileRows); k < length; --left) {
        const size_t rows = divide_up(length - k, left), at = s * length + k;
        if (whole) {
          add_rows<kTileRows, kTileVectors>(g, rows, g.x.segment[s] + k, at, column);
        } else {
          add_rows<kTileRows, HWY_MIN(kPanelWidth / kLanes, kTileVectors)>(g, rows, g.x.segment[s] + k, at,
                                                                           column);
        }
        k += rows;
      }
    }
  }
}

}  // namespace outer

namespace outer {

// kPanels panels of a strip, the last one = `columns` columns of dy and zeros behind them. Together, their
// chains of additions overlap: 0.5 % of a training step.
template <size_t kPanels>
void copy_panels(const float* const* dy, size_t stride, size_t rows, size_t columns, bool adds, float* strip,
                 float* db) {
  constexpr size_t kVectors = kPanels * kPanelWidth / kLanes, kInPanel = kPanelWidth / kLanes;
  V sum[kVectors];
  for (size_t v = 0; v < kVectors; ++v) {
    sum[v] = adds ? hn::LoadU(d, db + v * kLanes) : hn::Zero(d);
  }
  for (size_t m = 0; m < rows; ++m) {
    float* const to = strip + m * kWeightStrip;
    float last[kPanelWidth];
    const float* from[kPanels];
    for (size_t p = 0; p < kPanels; ++p) {
      from[p] = dy[p] + m * stride;
    }
    if (columns < kPanelWidth) {
      for (size_t i = 0; i < kPanelWidth; ++i) {
        last[i] = i < columns ? from[kPanels - 1][i] : 0.0f;
      }
      from[kPanels - 1] = last;
    }
    for (size_t v = 0; v < kVectors; ++v) {
      const V values = hn::LoadU(d, from[v / kInPanel] + v % kInPanel * kLanes);
      sum[v] = hn::Add(sum[v], values);
      hn::StoreU(values, d, to + v * kLanes);
    }
  }
  for (size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(sum[v], d, db + v * kLanes);
  }
}

}  // namespace outer

// The strip [rows, kWeightStrip] = `columns` columns of dy, whose panels begin at dy[0] and dy[1] in row 0,
// and zeros behind them up to a whole panel; db [columns, a whole panel] = their sums over the rows, in
// order, on from what it holds where `adds`.
inline void copy_strip(const float* const (&dy)[2], size_t stride, size_t rows, size_t columns, bool adds,
                       float* strip, float* db) {
  static_assert(kWeightStrip == 2 * kPanelWidth);
  if (columns > kPanelWidth) {
    outer::copy_panels<2>(dy, stride, rows, columns - kPanelWidth, adds, strip, db);
  } else {
    outer::copy_panels<1>(dy, stride, rows, columns, adds, strip, db);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_WEIGHT_GRADIENT_INL_H_
