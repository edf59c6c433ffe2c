// Softmax of rows and its VJP. The row maximum is subtracted, so every finite input is defined.
#ifndef LEVIT_KERNELS_SOFTMAX_H_
#define LEVIT_KERNELS_SOFTMAX_H_

#include <cstddef>

namespace levit::kernels {

// y[i] = exp(x[i] - max x) / sum; x [rows, columns] contiguous; y may be x.
struct Softmax {
  const float* x;
  float* y;
  size_t rows, columns;
};

// dx = y * (dy - sum_j dy[j] y[j]); dx may be dy.
struct SoftmaxVjp {
  const float* y;
  const float* dy;
  float* dx;
  size_t rows, columns;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_SOFTMAX_H_
