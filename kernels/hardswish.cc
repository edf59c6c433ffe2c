#include "kernels/hardswish.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/hardswish.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/hardswish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// The last vector of an array may be short: the buffers end where `count` says, so it goes lane by lane.
void hardswish(const Hardswish& h) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= h.count; i += lanes) {
    hn::StoreU(hardswish(d, hn::LoadU(d, h.x + i)), d, h.y + i);
  }
  for (; i < h.count; ++i) {
    hn::StoreU(hardswish(d1, hn::LoadU(d1, h.x + i)), d1, h.y + i);
  }
}

void hardswish_vjp(const HardswishVjp& h) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= h.count; i += lanes) {
    const auto dy = hn::LoadU(d, h.dy + i);
    hn::StoreU(hn::Mul(dy, hardswish_slope(d, hn::LoadU(d, h.x + i))), d, h.dx + i);
  }
  for (; i < h.count; ++i) {
    const auto dy = hn::LoadU(d1, h.dy + i);
    hn::StoreU(hn::Mul(dy, hardswish_slope(d1, hn::LoadU(d1, h.x + i))), d1, h.dx + i);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
