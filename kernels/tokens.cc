// Operations on rows of numbers, which memory bounds: whole vectors, then the rest one by one. Pooling and
// subsampling are plain loops over rows, of which the compiler makes vectors.
#include "kernels/tokens.h"

#include <cstring>
#include <limits>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/tokens.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

float largest(const float* x, size_t columns) {
  float top = std::numeric_limits<float>::lowest();
  for_each_vector(columns, [&](auto d, size_t j) HWY_ATTR {
    const float value = hn::GetLane(hn::MaxOfLanes(d, hn::LoadU(d, x + j)));
    top = value > top ? value : top;
  });
  return top;
}

}  // namespace

void hardswish(const Hardswish& h) {
  check(h);
  for_each_vector(h.count, [&](auto d, size_t i)
                               HWY_ATTR { hn::StoreU(hardswish(d, hn::LoadU(d, h.x + i)), d, h.y + i); });
}

void hardswish_vjp(const HardswishVjp& h) {
  check(h);
  for_each_vector(h.count, [&](auto d, size_t i) HWY_ATTR {
    const auto dy = hn::LoadU(d, h.dy + i);
    hn::StoreU(hn::Mul(dy, hardswish_slope(d, hn::LoadU(d, h.x + i))), d, h.dx + i);
  });
}

void softmax(const Softmax& s) {
  check(s);
  for (size_t i = 0; i < s.rows; ++i) {
    const float* x = s.x + i * s.columns;
    float* y = s.y + i * s.columns;
    const float top = largest(x, s.columns);
    float sum = 0;
    for_each_vector(s.columns, [&](auto d, size_t j) HWY_ATTR {
      hn::Vec<decltype(d)> e[1] = {hn::Sub(hn::LoadU(d, x + j), hn::Set(d, top))};
      exp_lanes(d, e);
      hn::StoreU(e[0], d, y + j);
      sum += hn::GetLane(hn::SumOfLanes(d, e[0]));
    });
    for_each_vector(s.columns, [&](auto d, size_t j) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(d, y + j), hn::Set(d, 1 / sum)), d, y + j);
    });
  }
}

void softmax_vjp(const SoftmaxVjp& s) {
  check(s);
  for (size_t i = 0; i < s.rows; ++i) {
    const float* y = s.y + i * s.columns;
    const float* dy = s.dy + i * s.columns;
    float* dx = s.dx + i * s.columns;
    float dot = 0;
    for_each_vector(s.columns, [&](auto d, size_t j) HWY_ATTR {
      dot += hn::GetLane(hn::SumOfLanes(d, hn::Mul(hn::LoadU(d, y + j), hn::LoadU(d, dy + j))));
    });
    for_each_vector(s.columns, [&](auto d, size_t j) HWY_ATTR {
      const auto shifted = hn::Sub(hn::LoadU(d, dy + j), hn::Set(d, dot));
      hn::StoreU(hn::Mul(hn::LoadU(d, y + j), shifted), d, dx + j);
    });
  }
}

// Token by token, so that the inner loops run over whole rows; the compiler makes vectors of them.
void mean_pool(const MeanPool& p) {
  check(p);
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
  check(p);
  const float scale = 1.0f / static_cast<float>(p.tokens);
  for (size_t t = 0; t < p.tokens; ++t) {
    for (size_t c = 0; c < p.channels; ++c) {
      p.dx[t * p.channels + c] = p.dy[c] * scale;
    }
  }
}

void subsample(const Subsample& s) {
  check(s);
  float* y = s.y;
  for (size_t i = 0; i < s.side; i += 2) {
    for (size_t j = 0; j < s.side; j += 2) {
      std::memcpy(y, s.x + (i * s.side + j) * s.channels, s.channels * sizeof(float));
      y += s.channels;
    }
  }
}

void subsample_vjp(const SubsampleVjp& s) {
  check(s);
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
