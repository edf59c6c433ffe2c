// hardswish and its slope on one vector, for the operations that fuse them.
#if defined(LEVIT_KERNELS_HARDSWISH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_HARDSWISH_INL_H_
#undef LEVIT_KERNELS_HARDSWISH_INL_H_
#else
#define LEVIT_KERNELS_HARDSWISH_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_HARDSWISH_INL_H_
