#include "kernels/pixels.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pixels.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void normalise_row(const NormaliseRow& r) {
  for (size_t x = 0; x < r.width; ++x) {
    for (size_t c = 0; c < 3; ++c) {
      r.out[3 * x + c] = (static_cast<float>(r.rgb[3 * x + c]) / 255.0f - r.mean[c]) / r.std[c];
    }
  }
}

void interleave_row(const InterleaveRow& r) {
  for (size_t x = 0; x < r.width; ++x) {
    for (size_t c = 0; c < 3; ++c) {
      r.out[3 * x + c] = r.plane[c][x];
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
