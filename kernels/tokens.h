// What the network does to its tokens between the matrix products: hardswish, softmax, the mean over tokens
// and the subsampling of their grid, each with its VJP.
#ifndef LEVIT_KERNELS_TOKENS_H_
#define LEVIT_KERNELS_TOKENS_H_

#include "kernels/contract.h"
#include "kernels/panels.h"

namespace levit::kernels {

// y = x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv 1905.02244).
struct Hardswish {
  const float* x;  // [count]
  float* y;        // [count]; may be x
  size_t count;
};

inline void check(const Hardswish& h) {
  require(h.y == h.x || are_disjoint(h.y, h.count, h.x, h.count), "y is x or another array");
}

// dx = dy * hardswish'(x). The slope does not exist at -3 and 3; here it is 0 for x <= -3 and 1 for x >= 3.
struct HardswishVjp {
  const float* x;   // [count]: the input of the forward pass
  const float* dy;  // [count]
  float* dx;        // [count]; may be dy
  size_t count;
};

inline void check(const HardswishVjp& h) {
  require(h.dx == h.dy || are_disjoint(h.dx, h.count, h.dy, h.count), "dx is dy or another array");
  require(are_disjoint(h.dx, h.count, h.x, h.count), "dx is not x");
}

// y[i] = exp(x[i] - max x) / sum; x [rows, columns] contiguous; y may be x. The row maximum is
// subtracted, so every finite input is defined.
struct Softmax {
  const float* x;
  float* y;
  size_t rows, columns;
};

inline void check(const Softmax& s) {
  const size_t count = s.rows * s.columns;
  require(s.columns > 0, "rows are not empty");
  require(s.y == s.x || are_disjoint(s.y, count, s.x, count), "y is x or another array");
}

// dx = y * (dy - sum_j dy[j] y[j]); dx may be dy.
struct SoftmaxVjp {
  const float* y;
  const float* dy;
  float* dx;
  size_t rows, columns;
};

inline void check(const SoftmaxVjp& s) {
  const size_t count = s.rows * s.columns;
  require(s.dx == s.dy || are_disjoint(s.dx, count, s.dy, count), "dx is dy or another array");
  require(are_disjoint(s.dx, count, s.y, count), "dx is not y");
}

// y[c] = mean over t of x[t][c]; x [tokens, channels] contiguous.
struct MeanPool {
  const float* x;
  float* y;
  size_t tokens, channels;
};

inline void check(const MeanPool& p) {
  require(p.tokens > 0, "there are tokens");
  require(are_disjoint(p.x, p.tokens * p.channels, p.y, p.channels), "y is not x");
}

// dx[t][c] = dy[c] / tokens.
struct MeanPoolVjp {
  const float* dy;
  float* dx;
  size_t tokens, channels;
};

inline void check(const MeanPoolVjp& p) {
  require(p.tokens > 0, "there are tokens");
  require(are_disjoint(p.dx, p.tokens * p.channels, p.dy, p.channels), "dx is not dy");
}

// y[(i, j)] = x[(2 i, 2 j)]: the even rows and columns of a side x side grid of tokens.
struct Subsample {
  const float* x;  // [side * side, channels]
  float* y;        // [ceil(side / 2)^2, channels]
  size_t side, channels;
};

inline void check(const Subsample& s) {
  const size_t even = divide_up(s.side, 2);
  require(are_disjoint(s.x, s.side * s.side * s.channels, s.y, even * even * s.channels), "y is not x");
}

// dx[(2 i, 2 j)] += dy[(i, j)].
struct SubsampleVjp {
  const float* dy;
  float* dx;
  size_t side, channels;
};

inline void check(const SubsampleVjp& s) {
  const size_t even = divide_up(s.side, 2);
  require(are_disjoint(s.dx, s.side * s.side * s.channels, s.dy, even * even * s.channels), "dx is not dy");
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_TOKENS_H_
