// Sums of outer products: the weight gradients of GEMM and convolution.
#if defined(LEVIT_KERNELS_OUTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_OUTER_INL_H_
#undef LEVIT_KERNELS_OUTER_INL_H_
#else
#define LEVIT_KERNELS_OUTER_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// dw[n][k] += sum over m of dy[m][n] x[m][k], for n < outputs and k < depth.
struct Outer {
  const float* dy;
  size_t dy_stride;
  const float* x;
  size_t x_stride;
  float* dw;
  size_t dw_stride;
  size_t rows, outputs, depth;
};

// kOutputs rows by one vector of dw, from (n, k) on, stay in registers while m runs.
template <size_t kOutputs, class D>
HWY_INLINE void outer_tile(D d, const Outer& o, size_t n, size_t k) {
  hn::Vec<D> sum[kOutputs];
  for (size_t i = 0; i < kOutputs; ++i) {
    sum[i] = hn::LoadU(d, o.dw + (n + i) * o.dw_stride + k);
  }
  for (size_t m = 0; m < o.rows; ++m) {
    const auto x = hn::LoadU(d, o.x + m * o.x_stride + k);
    const float* dy = o.dy + m * o.dy_stride + n;
    for (size_t i = 0; i < kOutputs; ++i) {
      sum[i] = hn::MulAdd(hn::Set(d, dy[i]), x, sum[i]);
    }
  }
  for (size_t i = 0; i < kOutputs; ++i) {
    hn::StoreU(sum[i], d, o.dw + (n + i) * o.dw_stride + k);
  }
}

template <class D>
HWY_INLINE void outer_column(D d, const Outer& o, size_t k) {
  constexpr size_t kOutputs = 8;
  size_t n = 0;
  for (; n + kOutputs <= o.outputs; n += kOutputs) {
    outer_tile<kOutputs>(d, o, n, k);
  }
  for (; n < o.outputs; ++n) {
    outer_tile<1>(d, o, n, k);
  }
}

// The columns from k on in vectors of kLanes, then the rest in vectors of half that.
template <size_t kLanes>
HWY_INLINE void outer_columns(const Outer& o, size_t k) {
  const hn::CappedTag<float, kLanes> d;
  for (; k + kLanes <= o.depth; k += kLanes) {
    outer_column(d, o, k);
  }
  if constexpr (kLanes > 1) {
    outer_columns<kLanes / 2>(o, k);
  }
}

inline void outer(const Outer& o) {
  outer_columns<HWY_LANES(float)>(o, 0);
}

// db[n] += sum over m of dy[m][n].
inline void add_rows(const float* dy, size_t dy_stride, size_t rows, size_t outputs, float* db) {
  for (size_t m = 0; m < rows; ++m) {
    for (size_t n = 0; n < outputs; ++n) {
      db[n] += dy[m * dy_stride + n];
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_OUTER_INL_H_
