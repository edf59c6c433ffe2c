// The update of parameters from their gradient, and the gradient's sums: what a step of training does beside
// the two passes. All in one pass over memory each.
#ifndef LEVIT_KERNELS_OPTIMIZER_H_
#define LEVIT_KERNELS_OPTIMIZER_H_

#include "kernels/contract.h"
#include "kernels/panels.h"

namespace levit::kernels {

// gradient += part 0, += part 1, ... and the sum of its squares, in a double for every kSquares numbers.
struct AddGradients {
  float* gradient;    // [count]
  const float* part;  // of part 0, [count]; the next ones `stride` behind it
  size_t parts, stride;
  size_t count;
  double* squares;  // is set
};
inline constexpr size_t kSquares = 1024;

inline void check(const AddGradients& a) {
  require(a.gradient != nullptr && (a.parts == 0 || a.part != nullptr), "gradient and parts are there");
  require(a.squares != nullptr, "the sum of squares has a place");
}

// One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with d = scale * g:
//   m = momentum m + (1 - momentum) d;  v = second v + (1 - second) d^2
//   w = keep w - rate m / (root sqrt(v) + epsilon)
// or, where v is null, of SGD as torch.optim.SGD has it:
//   m = momentum m + d + decay w;  w = w - rate m
// and then, where there is a mean, mean = mean_keep mean + (1 - mean_keep) w.
struct Optimize {
  float* w;
  const float* g;
  float *m, *v, *mean;  // [count] all; v, mean: may be null
  size_t count;
  float scale;  // of the gradient: clipping
  float momentum, second, one_less_momentum, one_less_second;
  float rate;   // AdamW: learning rate / (1 - momentum^t)
  float keep;   // AdamW: 1 - learning rate * weight decay
  float decay;  // SGD: weight decay
  float root;   // AdamW: 1 / sqrt(1 - second^t)
  float epsilon;
  float mean_keep, one_less_mean;
};

inline void check(const Optimize& o) {
  require(o.w != nullptr && o.g != nullptr && o.m != nullptr, "weights, gradient and moment are there");
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_OPTIMIZER_H_
