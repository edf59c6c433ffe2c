// IEEE binary16 to and from float32, to nearest even; subnormals, infinities and NaN included.
#ifndef LEVIT_KERNELS_HALF_H_
#define LEVIT_KERNELS_HALF_H_

#include <cstddef>
#include <cstdint>

namespace levit::kernels {

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

struct WidenHalf {
  const uint16_t* x;  // [count]
  float* y;           // [count]
  size_t count;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_HALF_H_
