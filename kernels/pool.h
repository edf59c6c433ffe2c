// Mean over tokens, and the subsampling of a token grid, each with its VJP.
#ifndef LEVIT_KERNELS_POOL_H_
#define LEVIT_KERNELS_POOL_H_

#include <cstddef>

namespace levit::kernels {

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

#endif  // LEVIT_KERNELS_POOL_H_
