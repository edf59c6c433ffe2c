// Small matrix products over operands in L1, and the copies that give those operands whole vectors.
//
// A tile of up to kTileRows rows by two vectors of columns stays in registers while the sums run, k = 0, 1,
// ... in order, one multiply-add each. Columns and strides of b, x and c are whole vectors.
#if defined(LEVIT_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_TILE_INL_H_
#undef LEVIT_KERNELS_TILE_INL_H_
#else
#define LEVIT_KERNELS_TILE_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace tile {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;
constexpr size_t kLanes = HWY_LANES(float);

// 8 * 2 sums, a row of b and a factor leave half of 32 registers to the loop around; 6 * 2 fill 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr size_t kTileRows = 8;
#else
constexpr size_t kTileRows = 6;
#endif

struct ConstRows {
  const float* data;
  size_t stride;
  const float* operator[](size_t row) const { return data + row * stride; }
};

struct Rows {
  float* data;
  size_t stride;
  float* operator[](size_t row) const { return data + row * stride; }
  operator ConstRows() const { return {data, stride}; }
};

constexpr size_t round_up(size_t count, size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// The first part when `count` is cut evenly into as few parts of at most `largest` as it takes.
constexpr size_t even_part(size_t count, size_t largest) {
  const size_t parts = (count + largest - 1) / largest;
  return (count + parts - 1) / parts;
}

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void multiply_columns(ConstRows a, ConstRows b, size_t depth, const float* const* start,
                                   size_t column, Rows c) {
  V sum[kRows][kVectors];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      sum[r][j] = start != nullptr ? hn::LoadU(d, start[r] + column + j * kLanes) : hn::Zero(d);
    }
  }
  for (size_t k = 0; k < depth; ++k) {
    V row[kVectors];
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      row[j] = hn::LoadU(d, b[k] + column + j * kLanes);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r][k]);
      HWY_UNROLL(2)
      for (size_t j = 0; j < kVectors; ++j) {
        sum[r][j] = hn::MulAdd(factor, row[j], sum[r][j]);
      }
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      hn::Store(sum[r][j], d, c[r] + column + j * kLanes);
    }
  }
}

template <size_t kRows>
void multiply_rows(size_t rows, ConstRows a, ConstRows b, size_t depth, size_t columns,
                   const float* const* start, Rows c) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return multiply_rows<kRows - 1>(rows, a, b, depth, columns, start, c);
    }
  }
  size_t j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes) {
    multiply_columns<kRows, 2>(a, b, depth, start, j, c);
  }
  if (j < columns) {
    multiply_columns<kRows, 1>(a, b, depth, start, j, c);
  }
}

// c [rows, columns] = start + a [rows, depth] b [depth, columns]; start[r] is row r, and null is zero.
inline void multiply(size_t rows, ConstRows a, ConstRows b, size_t depth, size_t columns,
                     const float* const* start, Rows c) {
  for (size_t r = 0, n; r < rows; r += n) {
    n = even_part(rows - r, kTileRows);
    multiply_rows<kTileRows>(n, {a[r], a.stride}, b, depth, columns, start != nullptr ? start + r : nullptr,
                             {c[r], c.stride});
  }
}

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void add_columns(ConstRows a, ConstRows x, size_t depth, Rows c) {
  V row[kRows][kVectors];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      row[r][j] = hn::Load(d, x[r] + j * kLanes);
    }
  }
  for (size_t k = 0; k < depth; ++k) {
    V sum[kVectors];
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      sum[j] = hn::Load(d, c[k] + j * kLanes);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r][k]);
      HWY_UNROLL(2)
      for (size_t j = 0; j < kVectors; ++j) {
        sum[j] = hn::MulAdd(factor, row[r][j], sum[j]);
      }
    }
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      hn::Store(sum[j], d, c[k] + j * kLanes);
    }
  }
}

template <size_t kRows>
void add_rows(size_t rows, ConstRows a, ConstRows x, size_t depth, size_t columns, Rows c) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return add_rows<kRows - 1>(rows, a, x, depth, columns, c);
    }
  }
  size_t j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes) {
    add_columns<kRows, 2>(a, {x.data + j, x.stride}, depth, {c.data + j, c.stride});
  }
  if (j < columns) {
    add_columns<kRows, 1>(a, {x.data + j, x.stride}, depth, {c.data + j, c.stride});
  }
}

// c [depth, columns] += a^T x, with a [rows, depth] and x [rows, columns].
inline void add_transposed(size_t rows, ConstRows a, ConstRows x, size_t depth, size_t columns, Rows c) {
  for (size_t r = 0, n; r < rows; r += n) {
    n = even_part(rows - r, kTileRows);
    add_rows<kTileRows>(n, {a[r], a.stride}, {x[r], x.stride}, depth, columns, c);
  }
}

// to [0, count) = from. The buffers do not overlap.
HWY_INLINE void copy_row(const float* HWY_RESTRICT from, size_t count, float* HWY_RESTRICT to) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  }
  for (; i < count; ++i) {
    to[i] = from[i];
  }
}

// A copy of rows [count, width] in whole vectors: zeros up to to.stride.
inline void pack_rows(ConstRows from, size_t count, size_t width, Rows to) {
  for (size_t r = 0; r < count; ++r) {
    copy_row(from[r], width, to[r]);
    for (size_t i = width; i < to.stride; ++i) {
      to[r][i] = 0;
    }
  }
}

// to [width, to.stride] = the transpose of from [count, width]; zeros in columns from count on.
inline void transpose(ConstRows from, size_t count, size_t width, Rows to) {
  for (size_t r = 0; r < to.stride; r += kPanelWidth) {
    const size_t rows = r < count ? HWY_MIN(count - r, kPanelWidth) : 0;
    for (size_t i = 0; i < width; i += kPanelWidth) {
      const size_t columns = HWY_MIN(width - i, kPanelWidth);
      if (columns == kPanelWidth && to.stride - r >= kPanelWidth) {
        transpose_16x16(from[r] + i, from.stride, to[i] + r, to.stride, rows);
        continue;
      }
      float block[kPanelWidth * kPanelWidth] = {}, transposed[kPanelWidth * kPanelWidth];
      for (size_t row = 0; row < rows; ++row) {
        copy_row(from[r + row] + i, columns, block + row * kPanelWidth);
      }
      transpose_16x16(block, kPanelWidth, transposed, kPanelWidth, rows);
      for (size_t column = 0; column < columns; ++column) {
        copy_row(transposed + column * kPanelWidth, HWY_MIN(to.stride - r, kPanelWidth), to[i + column] + r);
      }
    }
  }
}

}  // namespace tile
}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_TILE_INL_H_
