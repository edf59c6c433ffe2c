// Small matrix products over operands in L1, for attention.
//
// A tile of up to kTileRows rows by two vectors of columns stays in registers while the sums run, k = 0, 1,
// ... in order, one multiply-add each. Columns and strides of b, x and c are whole vectors.
#if defined(LEVIT_KERNELS_SMALL_MATMUL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_SMALL_MATMUL_INL_H_
#undef LEVIT_KERNELS_SMALL_MATMUL_INL_H_
#else
#define LEVIT_KERNELS_SMALL_MATMUL_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace small {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;
constexpr size_t kLanes = HWY_LANES(float);

// 8 * 2 sums, a row of b and a factor leave half of 32 registers to the loop around; 6 * 2 fill 16.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == LEVIT_NEON
constexpr size_t kTileRows = 8;
#elif HWY_TARGET == HWY_WASM  // see panel_matmul.cc
constexpr size_t kTileRows = 4;
#else
constexpr size_t kTileRows = 6;
#endif

// The first part when `count` is cut evenly into as few parts of at most `largest` as it takes.
constexpr size_t even_part(size_t count, size_t largest) {
  return divide_up(count, divide_up(count, largest));
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
  require(columns % kLanes == 0 && c.stride >= columns, "columns are whole vectors, and rows as long");
  require(is_aligned(c[0], kLanes * sizeof(float)), "the result is aligned");
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
  require(columns % kLanes == 0 && c.stride >= columns, "columns are whole vectors, and rows as long");
  require(is_aligned(c[0], kLanes * sizeof(float)), "the result is aligned");
  for (size_t r = 0, n; r < rows; r += n) {
    n = even_part(rows - r, kTileRows);
    add_rows<kTileRows>(n, {a[r], a.stride}, {x[r], x.stride}, depth, columns, c);
  }
}

}  // namespace small

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_SMALL_MATMUL_INL_H_
