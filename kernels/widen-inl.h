// A vector of fp16 numbers as fp32.
#if defined(LEVIT_KERNELS_WIDEN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_WIDEN_INL_H_
#undef LEVIT_KERNELS_WIDEN_INL_H_
#else
#define LEVIT_KERNELS_WIDEN_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whether one instruction widens: then weights are widened on the way to the multiplier, else once into
// scratch.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || (HWY_TARGET == HWY_NEON && HWY_ARCH_ARM_A64)
constexpr bool kHasWiden = true;
#else
constexpr bool kHasWiden = false;
#endif

// d's lanes from half[0 ..].
template <class D>
HWY_INLINE hn::Vec<D> widen(D d, const uint16_t* half) {
  if constexpr (kHasWiden) {
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(half)));
  } else {
    const hn::Rebind<uint32_t, D> d32;
    const hn::Rebind<uint16_t, D> d16;
    const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, half));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(d32, 0x7fffu)));
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(d32, 0x8000u)));
    // The exponent is biased by 15 instead of 127; multiplying by 2^112 mends it for subnormals too, without
    // rounding.
    const auto value = hn::BitCast(d32, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f)));
    const auto special = hn::VecFromMask(d32, hn::Gt(magnitude, hn::Set(d32, 0x0f7fffffu)));
    const auto infinity = hn::And(special, hn::Set(d32, 0x7f800000u));
    return hn::BitCast(d, hn::Or(hn::Or(value, infinity), sign));
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_WIDEN_INL_H_
