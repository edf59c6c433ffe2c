// hardswish(x) = x * min(max(x + 3, 0), 6) / 6 and its VJP (Howard et al. 2019, arXiv 1905.02244).
//
// The slope does not exist at -3 and 3; here it is 0 for x <= -3 and 1 for x >= 3.
#ifndef LEVIT_KERNELS_HARDSWISH_H_
#define LEVIT_KERNELS_HARDSWISH_H_

#include <cstddef>

namespace levit::kernels {

struct Hardswish {
  const float* x;  // [count]
  float* y;        // [count]; may be x
  size_t count;
};

struct HardswishVjp {
  const float* x;   // [count]: the input of the forward pass
  const float* dy;  // [count]
  float* dx;        // [count]; may be dy
  size_t count;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_HARDSWISH_H_
