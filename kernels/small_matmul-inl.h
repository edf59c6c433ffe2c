// Small matrix products over operands in L1, for attention.
//
// A tile of rows by two vectors of columns stays in registers while the sums run, k = 0, 1, ... in order, one
// multiply-add each. Columns are whole vectors.
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

// With contiguous factors, which need no address of their own, all registers but three hold sums.
#if HWY_TARGET == HWY_AVX3
constexpr size_t kTransposedTileRows = 14;
#else
constexpr size_t kTransposedTileRows = kTileRows;
#endif

// The first part when `count` is cut evenly into as few parts of at most `largest` as it takes.
constexpr size_t even_part(size_t count, size_t largest) {
  return divide_up(count, divide_up(count, largest));
}

// c [rows, columns] = start + a [rows, depth] b [depth, columns]; start[r] is row r, and null is zero.
struct Product {
  ConstRows a, b;
  size_t depth, columns;
  const float* const* start;
  Rows c;
};

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void multiply_tile(const Product& p, size_t row, size_t column) {
  V sum[kRows][kVectors];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      sum[r][j] = p.start != nullptr ? hn::LoadU(d, p.start[row + r] + column + j * kLanes) : hn::Zero(d);
    }
  }
  const Rows c{p.c[row] + column, p.c.stride};
  const ConstRows a{p.a[row], p.a.stride}, b{p.b.data + column, p.b.stride};
  const size_t depth = p.depth;
  for (size_t k = 0; k < depth; ++k) {
    V factors[kVectors];
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      factors[j] = hn::LoadU(d, b[k] + j * kLanes);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r][k]);
      HWY_UNROLL(2)
      for (size_t j = 0; j < kVectors; ++j) {
        sum[r][j] = hn::MulAdd(factor, factors[j], sum[r][j]);
      }
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      hn::Store(sum[r][j], d, c[r] + j * kLanes);
    }
  }
}

// c [columns of a, columns] = scale * a^T x, with a [depth, rows] and x [depth, columns].
struct TransposedProduct {
  ConstRows a, x;
  size_t depth, columns;
  float scale;
  Rows c;
};

template <size_t kRows, size_t kVectors>
HWY_NOINLINE void multiply_tile(const TransposedProduct& p, size_t row, size_t column) {
  V sum[kRows][kVectors];
  HWY_UNROLL(14)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      sum[r][j] = hn::Zero(d);
    }
  }
  const ConstRows a{p.a.data + row, p.a.stride}, x{p.x.data + column, p.x.stride};
  const size_t depth = p.depth;
  for (size_t k = 0; k < depth; ++k) {
    V factors[kVectors];
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      factors[j] = hn::LoadU(d, x[k] + j * kLanes);
    }
#if HWY_TARGET == HWY_SCALAR
    __asm__ volatile("");  // else gcc 12 makes vectors of two rows' numbers and reads a row behind the last
#endif
    HWY_UNROLL(14)
    for (size_t r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[k][r]);
      HWY_UNROLL(2)
      for (size_t j = 0; j < kVectors; ++j) {
        sum[r][j] = hn::MulAdd(factor, factors[j], sum[r][j]);
      }
    }
  }
  const V scale = hn::Set(d, p.scale);
  HWY_UNROLL(14)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t j = 0; j < kVectors; ++j) {
      hn::StoreU(hn::Mul(scale, sum[r][j]), d, p.c[row + r] + column + j * kLanes);
    }
  }
}

// All columns of the rows [row, row + rows) of a product, 1..kRows.
template <size_t kRows, class P>
void multiply_rows(const P& p, size_t row, size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return multiply_rows<kRows - 1>(p, row, rows);
    }
  }
  size_t j = 0;
  for (; j + 2 * kLanes <= p.columns; j += 2 * kLanes) {
    multiply_tile<kRows, 2>(p, row, j);
  }
  if (j < p.columns) {
    multiply_tile<kRows, 1>(p, row, j);
  }
}

template <size_t kRows, class P>
void multiply_evenly(size_t rows, const P& p) {
  require(p.columns % kLanes == 0 && p.c.stride >= p.columns, "columns are whole vectors, and rows as long");
  for (size_t r = 0, n; r < rows; r += n) {
    n = even_part(rows - r, kRows);
    multiply_rows<kRows>(p, r, n);
  }
}

inline void multiply(size_t rows, const Product& p) {
  require(is_aligned(p.c.data, kLanes * sizeof(float)), "the result is aligned");
  multiply_evenly<kTileRows>(rows, p);
}

inline void multiply_transposed(size_t rows, const TransposedProduct& p) {
  multiply_evenly<kTransposedTileRows>(rows, p);
}

}  // namespace small

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_SMALL_MATMUL_INL_H_
