#include "kernels/pixels.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pixels.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

constexpr size_t kChannels = 3;

// a / b rounded to nearest, with the rounded 1 / b at hand: the remainder of the first quotient is exact in a
// fused operation and corrects its last bit (Markstein 1990). Without one the division itself is as good.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V divide(V a, V b, V reciprocal) {
#if HWY_NATIVE_FMA
  const V quotient = hn::Mul(a, reciprocal);
  return hn::MulAdd(hn::NegMulAdd(quotient, b, a), reciprocal, quotient);
#else
  (void)reciprocal;
  return hn::Div(a, b);
#endif
}

}  // namespace

// Three vectors hold whole pixels whatever their length, so each has its own three patterns of channel
// constants.
void normalise_row(const NormaliseRow& r) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<int32_t, decltype(d)> d32;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  constexpr size_t kLanes = HWY_LANES(float);
  constexpr size_t kPattern = kChannels * kLanes;
  float mean[kPattern];
  float std[kPattern];
  float reciprocal[kPattern];
  for (size_t i = 0; i < kPattern; ++i) {
    mean[i] = r.mean[i % kChannels];
    std[i] = r.std[i % kChannels];
    reciprocal[i] = 1.0f / std[i];
  }
  const auto white = hn::Set(d, 255.0f);
  const auto black_to_white = hn::Set(d, 1.0f / 255.0f);
  const size_t count = kChannels * r.width;
  size_t i = 0;
  for (; i + kPattern <= count; i += kPattern) {
    for (size_t v = 0; v < kPattern; v += kLanes) {
      const auto byte = hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, r.rgb + i + v)));
      const auto unit = divide<decltype(d)>(byte, white, black_to_white);
      const auto centred = hn::Sub(unit, hn::LoadU(d, mean + v));
      hn::StoreU(divide<decltype(d)>(centred, hn::LoadU(d, std + v), hn::LoadU(d, reciprocal + v)), d,
                 r.out + i + v);
    }
  }
  for (; i < count; ++i) {
    r.out[i] = (static_cast<float>(r.rgb[i]) / 255.0f - r.mean[i % kChannels]) / r.std[i % kChannels];
  }
}

void interleave_row(const InterleaveRow& r) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + lanes <= r.width; x += lanes) {
    hn::StoreInterleaved3(hn::LoadU(d, r.plane[0] + x), hn::LoadU(d, r.plane[1] + x),
                          hn::LoadU(d, r.plane[2] + x), d, r.out + kChannels * x);
  }
  for (; x < r.width; ++x) {
    for (size_t c = 0; c < kChannels; ++c) {
      r.out[kChannels * x + c] = r.plane[c][x];
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
