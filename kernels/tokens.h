// What the network does to its tokens between the matrix products: hardswish, softmax, the mean over tokens
// and the subsampling of their grid, each with its VJP.
#ifndef LEVIT_KERNELS_TOKENS_H_
#define LEVIT_KERNELS_TOKENS_H_

#include <cstddef>

namespace levit::kernels {

// y = x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv 1905.02244).
struct Hardswish {
  const float* x;  // [count]
  float* y;        // [count]; may be x
  size_t count;
};

// dx = dy * hardswish'(x). The slope does not exist at -3 and 3; here it is 0 for x <= -3 and 1 for x >= 3.
struct HardswishVjp {
  const float* x;   // [count]: the input of the forward pass
  const float* dy;  // [count]
  float* dx;        // [count]; may be dy
  size_t count;
};

// y[i] = exp(x[i] - max x) / sum; x [rows, columns] contiguous; y may be x. The row maximum is
// subtracted, so every finite input is defined.
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

// y[c] = mean over t of x[t][c]; x [tokens, channels] contiguous.
struct MeanPool {
  const float* x;
  float* y;
  size_t tokens, channels;
};

// dx[t][c] = dy[c] / tokens.
struct MeanPoolVjp {
  const float* dy;
  float* dx;
  size_t tokens, channels;
};

// y[(i, j)] = x[(2 i, 2 j)]: the even rows and columns of a side x side grid of tokens.
struct Subsample {
  const float* x;  // [side * side, channels]
  float* y;        // [ceil(side / 2)^2, channels]
  size_t side, channels;
};

// dx[(2 i, 2 j)] += dy[(i, j)].
struct SubsampleVjp {
  const float* dy;
  float* dx;
  size_t side, channels;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_TOKENS_H_
