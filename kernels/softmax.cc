#include "kernels/softmax.h"

#include <limits>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

// Calls body(tag, j) for every whole vector of a row, then for every single number left.
template <class Body>
HWY_INLINE void for_each_vector(size_t columns, const Body& body) {
  const hn::ScalableTag<float> d;
  size_t j = 0;
  for (; j + hn::Lanes(d) <= columns; j += hn::Lanes(d)) {
    body(d, j);
  }
  for (; j < columns; ++j) {
    body(hn::CappedTag<float, 1>(), j);
  }
}

float largest(const float* x, size_t columns) {
  float top = std::numeric_limits<float>::lowest();
  for_each_vector(columns, [&](auto d, size_t j) {
    const float value = hn::GetLane(hn::MaxOfLanes(d, hn::LoadU(d, x + j)));
    top = value > top ? value : top;
  });
  return top;
}

}  // namespace

void softmax(const Softmax& s) {
  for (size_t i = 0; i < s.rows; ++i) {
    const float* x = s.x + i * s.columns;
    float* y = s.y + i * s.columns;
    const float top = largest(x, s.columns);
    float sum = 0;
    for_each_vector(s.columns, [&](auto d, size_t j) {
      hn::Vec<decltype(d)> e[1] = {hn::Sub(hn::LoadU(d, x + j), hn::Set(d, top))};
      exp_lanes(d, e);
      hn::StoreU(e[0], d, y + j);
      sum += hn::GetLane(hn::SumOfLanes(d, e[0]));
    });
    for_each_vector(s.columns, [&](auto d, size_t j) {
      hn::StoreU(hn::Mul(hn::LoadU(d, y + j), hn::Set(d, 1 / sum)), d, y + j);
    });
  }
}

void softmax_vjp(const SoftmaxVjp& s) {
  for (size_t i = 0; i < s.rows; ++i) {
    const float* y = s.y + i * s.columns;
    const float* dy = s.dy + i * s.columns;
    float* dx = s.dx + i * s.columns;
    float dot = 0;
    for_each_vector(s.columns, [&](auto d, size_t j) {
      dot += hn::GetLane(hn::SumOfLanes(d, hn::Mul(hn::LoadU(d, y + j), hn::LoadU(d, dy + j))));
    });
    for_each_vector(s.columns, [&](auto d, size_t j) {
      const auto shifted = hn::Sub(hn::LoadU(d, dy + j), hn::Set(d, dot));
      hn::StoreU(hn::Mul(hn::LoadU(d, y + j), shifted), d, dx + j);
    });
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
