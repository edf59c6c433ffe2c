#ifdef LEVIT_TRAIN
#include "kernels/optimizer.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

// The moment after this step, and the weight.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V adamw(D d, const Optimize& o, V gradient, V w, size_t i) {
  const V m = hn::MulAdd(hn::Set(d, o.momentum), hn::LoadU(d, o.m + i),
                         hn::Mul(hn::Set(d, o.one_less_momentum), gradient));
  const V v = hn::MulAdd(hn::Set(d, o.second), hn::LoadU(d, o.v + i),
                         hn::Mul(hn::Mul(hn::Set(d, o.one_less_second), gradient), gradient));
  hn::StoreU(m, d, o.m + i);
  hn::StoreU(v, d, o.v + i);
  const V below = hn::MulAdd(hn::Sqrt(v), hn::Set(d, o.root), hn::Set(d, o.epsilon));
  return hn::Sub(hn::Mul(w, hn::Set(d, o.keep)), hn::Div(hn::Mul(hn::Set(d, o.rate), m), below));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V sgd(D d, const Optimize& o, V gradient, V w, size_t i) {
  const V m =
      hn::MulAdd(hn::Set(d, o.momentum), hn::LoadU(d, o.m + i), hn::MulAdd(hn::Set(d, o.decay), w, gradient));
  hn::StoreU(m, d, o.m + i);
  return hn::Sub(w, hn::Mul(hn::Set(d, o.rate), m));
}

}  // namespace

void optimize(const Optimize& o) {
  check(o);
  for_each_vector(o.count, [&](auto d, size_t i) HWY_ATTR {
    const auto gradient = hn::Mul(hn::Set(d, o.scale), hn::LoadU(d, o.g + i));
    auto w = hn::LoadU(d, o.w + i);
    w = o.v != nullptr ? adamw(d, o, gradient, w, i) : sgd(d, o, gradient, w, i);
    hn::StoreU(w, d, o.w + i);
    if (o.mean != nullptr) {
      const auto kept = hn::Mul(hn::Set(d, o.mean_keep), hn::LoadU(d, o.mean + i));
      hn::StoreU(hn::MulAdd(hn::Set(d, o.one_less_mean), w, kept), d, o.mean + i);
    }
  });
}

// A block stays in L1 from the parts to the squares, of which four sums hide the latencies.
void add_gradients(const AddGradients& a) {
  check(a);
  const hn::ScalableTag<float> d;
  constexpr size_t kSums = 4, kLanes = HWY_LANES(float);
  double all = 0;
  for (size_t begin = 0; begin < a.count; begin += kSquares) {
    const size_t count = HWY_MIN(a.count - begin, kSquares);
    float* const sum = a.gradient + begin;
    for (size_t part = 0; part < a.parts; ++part) {
      const float* const from = a.part + part * a.stride + begin;
      for_each_vector(count, [&](auto tag, size_t i) HWY_ATTR {
        hn::StoreU(hn::Add(hn::LoadU(tag, sum + i), hn::LoadU(tag, from + i)), tag, sum + i);
      });
    }
    hn::Vec<decltype(d)> squares[kSums];
    for (auto& lanes : squares) {
      lanes = hn::Zero(d);
    }
    size_t i = 0;
    for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
      for (size_t s = 0; s < kSums; ++s) {
        const auto values = hn::LoadU(d, sum + i + s * kLanes);
        squares[s] = hn::MulAdd(values, values, squares[s]);
      }
    }
    float rest = 0;
    for (; i < count; ++i) {
      rest += sum[i] * sum[i];
    }
    const auto pairs = hn::Add(hn::Add(squares[0], squares[1]), hn::Add(squares[2], squares[3]));
    all += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, pairs)) + rest);
  }
  *a.squares = all;
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // LEVIT_TRAIN
