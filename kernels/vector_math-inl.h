// Functions of vectors: exp, hardswish and its slope, fp16 and int8 widened to fp32.
#if defined(LEVIT_KERNELS_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_VECTOR_MATH_INL_H_
#undef LEVIT_KERNELS_VECTOR_MATH_INL_H_
#else
#define LEVIT_KERNELS_VECTOR_MATH_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/panels.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls body(tag, i) for every whole vector of `count` numbers, then for every single number left: arrays end
// where `count` says.
template <class Body>
HWY_INLINE void for_each_vector(size_t count, const Body& body) {
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    body(d, i);
  }
  for (; i < count; ++i) {
    body(hn::CappedTag<float, 1>(), i);
  }
}

// The line of from[floats], which may lie behind an array, where no pointer may point.
HWY_INLINE void prefetch(const float* from, size_t floats) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  hwy::Prefetch(reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(from) + floats * sizeof(float)));
}

// x = exp(x) for every lane of `count` float vectors, whose latencies overlap.
//
// exp(x) = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; e^r = 1 + r + r^2 g(r), where g is the
// minimax polynomial of degree 4 (relative error of e^r: 2^-28). Within 2 ulp of the true value for x in
// [-86.98, 88.72] (over all floats 0.9 with fused multiply-adds, 1.2 without); 0 below, where the true value
// is under 1.7e-38, and infinity above, where it exceeds the largest float. No finite x, and neither
// infinity, gives NaN.
template <class D, size_t count, class V = hn::Vec<D>>
HWY_INLINE void exp_lanes(D d, V (&x)[count]) {
  const hn::RebindToSigned<D> di;
  const V log2_e = hn::Set(d, 1.44269504f);
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; 126 more makes them the exponent
  // field of 2^(n - 1).
  const V magic = hn::Set(d, 12582912.0f + 126.0f);
  // ln 2 in two parts: the first has so few bits that n times it is exact.
  const V ln2_high = hn::Set(d, 0.693359375f), ln2_low = hn::Set(d, -2.12194440e-4f);
  // At the lower bound n is -126, whose field is that of zero; at the upper one the result overflows.
  const V low = hn::Set(d, -87.3365f), high = hn::Set(d, 89.0f);
  // e^r, doubled, because the other factor is halved: 2^128 is not a float.
  const V coefficients[] = {hn::Set(d, 2 * 0.0013814539415761828f),
                            hn::Set(d, 2 * 0.00836874544620514f),
                            hn::Set(d, 2 * 0.04166838899254799f),
                            hn::Set(d, 2 * 0.1666652113199234f),
                            hn::Set(d, 2 * 0.4999999403953552f),
                            hn::Set(d, 2.0f),
                            hn::Set(d, 2.0f)};
  V e[count], power[count];
  HWY_UNROLL(4)
  for (size_t i = 0; i < count; ++i) {
    x[i] = hn::Min(hn::Max(x[i], low), high);
    const V shifted = hn::MulAdd(x[i], log2_e, magic);
    const V n = hn::Sub(shifted, magic);
    power[i] = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted)));
    x[i] = hn::NegMulAdd(n, ln2_low, hn::NegMulAdd(n, ln2_high, x[i]));
    e[i] = coefficients[0];
  }
  HWY_UNROLL(6)
  for (size_t k = 1; k < 7; ++k) {
    HWY_UNROLL(4)
    for (size_t i = 0; i < count; ++i) {
      e[i] = hn::MulAdd(e[i], x[i], coefficients[k]);
    }
  }
  HWY_UNROLL(4)
  for (size_t i = 0; i < count; ++i) {
    x[i] = hn::Mul(e[i], power[i]);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V hardswish(D d, V x) {
  const V gate = hn::Min(hn::Max(hn::Add(x, hn::Set(d, 3.0f)), hn::Zero(d)), hn::Set(d, 6.0f));
  return hn::Mul(hn::Mul(x, gate), hn::Set(d, 1.0f / 6.0f));
}

// x / 3 + 1/2 inside (-3, 3), 0 at and below -3, 1 at and above 3.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V hardswish_slope(D d, V x) {
  const V three = hn::Set(d, 3.0f);
  const V inside = hn::MulAdd(x, hn::Set(d, 1.0f / 3.0f), hn::Set(d, 0.5f));
  const V above = hn::IfThenElse(hn::Ge(x, three), hn::Set(d, 1.0f), inside);
  return hn::IfThenElseZero(hn::Gt(x, hn::Neg(three)), above);
}

// Whether one instruction widens: then weights are widened on the way to the multiplier, else once into
// scratch.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || \
    (HWY_TARGET == LEVIT_NEON && (HWY_ARCH_ARM_A64 || (__ARM_FP & 2)))
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

// The same from int8: one instruction extends the sign, one converts, on every target with vectors but NEON.
template <class D>
HWY_INLINE hn::Vec<D> widen(D d, const int8_t* numbers) {
  const hn::Rebind<int32_t, D> d32;
  const hn::Rebind<int8_t, D> d8;
  return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, numbers)));
}

// to [rows][16] = a panel of int8 times its scales [16].
inline void widen(const int8_t* panel, const float* scale, size_t rows, float* to) {
  const hn::ScalableTag<float> d;
  constexpr size_t kLanes = HWY_LANES(float);
  for (size_t i = 0; i < rows * kPanelWidth; i += kLanes) {
    hn::StoreU(hn::Mul(widen(d, panel + i), hn::LoadU(d, scale + i % kPanelWidth)), d, to + i);
  }
}

// to = the `count` fp16 numbers of half. The last ones go one by one: both arrays end where `count` says.
inline void widen(const uint16_t* half, size_t count, float* to) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(widen(d, half + i), d, to + i);
  }
  for (; i < count; ++i) {
    to[i] = half_to_float(half[i]);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_VECTOR_MATH_INL_H_
