#include "kernels/half.h"

#include <cstring>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/half.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/widen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void widen_half(const WidenHalf& w) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= w.count; i += lanes) {
    hn::StoreU(widen(d, w.x + i), d, w.y + i);
  }
  for (; i < w.count; ++i) {
    w.y[i] = half_to_float(w.x[i]);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {
namespace {

constexpr uint32_t kFloatInfinity = 0x7f800000;

float to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace

float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = (half & 0x7fffu) << 13;
  if (magnitude >= 0x7c00u << 13) {  // infinity or NaN, made quiet as hardware does
    const uint32_t quiet = magnitude > 0x7c00u << 13 ? 0x00400000u : 0;
    return to_float(sign | kFloatInfinity | magnitude | quiet);
  }
  // The exponent is biased by 15 instead of 127; multiplying by 2^112 mends it for subnormals too, without
  // rounding.
  return to_float(sign | to_bits(to_float(magnitude) * 0x1p112f));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = to_bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > kFloatInfinity) {
    magnitude = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // 65520 and above round to infinity
    magnitude = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: adding 1/2 rounds at 2^-24, the unit of a subnormal
    magnitude = to_bits(to_float(magnitude) + 0.5f) - to_bits(0.5f);
  } else {
    magnitude += 0xfffu + ((magnitude >> 13) & 1u);
    magnitude = (magnitude - (112u << 23)) >> 13;
  }
  return static_cast<uint16_t>(sign | magnitude);
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
