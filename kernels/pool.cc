#include "kernels/pool.h"

#include <cstring>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// Token by token, so that the inner loops run over whole rows; the compiler makes vectors of them.
void mean_pool(const MeanPool& p) {
  std::memset(p.y, 0, p.channels * sizeof(float));
  for (size_t t = 0; t < p.tokens; ++t) {
    for (size_t c = 0; c < p.channels; ++c) {
      p.y[c] += p.x[t * p.channels + c];
    }
  }
  const float scale = 1.0f / static_cast<float>(p.tokens);
  for (size_t c = 0; c < p.channels; ++c) {
    p.y[c] *= scale;
  }
}

void mean_pool_vjp(const MeanPoolVjp& p) {
  const float scale = 1.0f / static_cast<float>(p.tokens);
  for (size_t t = 0; t < p.tokens; ++t) {
    for (size_t c = 0; c < p.channels; ++c) {
      p.dx[t * p.channels + c] = p.dy[c] * scale;
    }
  }
}

void subsample(const Subsample& s) {
  float* y = s.y;
  for (size_t i = 0; i < s.side; i += 2) {
    for (size_t j = 0; j < s.side; j += 2) {
      std::memcpy(y, s.x + (i * s.side + j) * s.channels, s.channels * sizeof(float));
      y += s.channels;
    }
  }
}

void subsample_vjp(const SubsampleVjp& s) {
  const float* dy = s.dy;
  for (size_t i = 0; i < s.side; i += 2) {
    for (size_t j = 0; j < s.side; j += 2) {
      float* dx = s.dx + (i * s.side + j) * s.channels;
      for (size_t c = 0; c < s.channels; ++c) {
        dx[c] += dy[c];
      }
      dy += s.channels;
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
