// double to IEEE binary16, rounded once: through float it would be rounded twice.
#ifndef LEVIT_TOOLS_CHECKPOINT_HALF_H_
#define LEVIT_TOOLS_CHECKPOINT_HALF_H_

#include <cstdint>

namespace levit::tools {

inline constexpr double kHalfMinNormal = 0x1p-14;

struct Half {
  uint16_t bits;
  double value;  // what the bits mean
};

// To nearest, ties to even; from 65520 on, infinity. `value` is not NaN.
Half round_to_half(double value);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_HALF_H_
