#include "tools/common/fma_peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/common/fma_peak.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::tools::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Runs `rounds` times twelve independent multiply-adds, enough to hide a latency of six cycles at two per
// cycle. Returns the floating-point operations; *sink keeps the compiler from leaving them out.
double multiply_adds(size_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto a = hn::Set(d, 0.5f), b = hn::Set(d, *sink);
  // Different starts: chains that begin alike stay alike, and the compiler would keep only one of them.
  const auto start = [&](float value) { return hn::Add(b, hn::Set(d, value)); };
  auto x0 = start(0), x1 = start(1), x2 = start(2), x3 = start(3), x4 = start(4), x5 = start(5);
  auto x6 = start(6), x7 = start(7), x8 = start(8), x9 = start(9), x10 = start(10), x11 = start(11);
  for (size_t i = 0; i < rounds; ++i) {
    x0 = hn::MulAdd(x0, a, b);
    x1 = hn::MulAdd(x1, a, b);
    x2 = hn::MulAdd(x2, a, b);
    x3 = hn::MulAdd(x3, a, b);
    x4 = hn::MulAdd(x4, a, b);
    x5 = hn::MulAdd(x5, a, b);
    x6 = hn::MulAdd(x6, a, b);
    x7 = hn::MulAdd(x7, a, b);
    x8 = hn::MulAdd(x8, a, b);
    x9 = hn::MulAdd(x9, a, b);
    x10 = hn::MulAdd(x10, a, b);
    x11 = hn::MulAdd(x11, a, b);
  }
  const auto sum = hn::Add(
      hn::Add(hn::Add(x0, x1), hn::Add(x2, x3)),
      hn::Add(hn::Add(hn::Add(x4, x5), hn::Add(x6, x7)), hn::Add(hn::Add(x8, x9), hn::Add(x10, x11))));
  *sink = hn::GetLane(sum) > 0 ? 1.0f : 2.0f;
  return 2.0 * 12 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace levit::tools::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace levit::tools {
namespace {

using Loop = double (*)(size_t rounds, float* sink);

Loop find_loop(const char* target) {
  const struct {
    const char* name;
    Loop loop;
  } loops[] = {
      {"AVX3", HWY_CHOOSE_AVX3(multiply_adds)}, {"AVX2", HWY_CHOOSE_AVX2(multiply_adds)},
      {"SSE4", HWY_CHOOSE_SSE4(multiply_adds)}, {"NEON", HWY_CHOOSE_NEON(multiply_adds)},
      {"WASM", HWY_CHOOSE_WASM(multiply_adds)}, {"SCALAR", HWY_CHOOSE_FALLBACK(multiply_adds)},
  };
  for (const auto& entry : loops)
    if (std::strcmp(entry.name, target) == 0) return entry.loop;
  return nullptr;
}

}  // namespace

double fma_peak(const char* target) {
  const Loop loop = find_loop(target);
  if (loop == nullptr) return 0;
  using Clock = std::chrono::steady_clock;
  float sink = 1;
  double best = 0;
  for (int run = 0; run < 30; ++run) {
    const auto start = Clock::now();
    const double operations = loop(100000, &sink);
    best = std::max(best, operations / std::chrono::duration<double>(Clock::now() - start).count() * 1e-9);
  }
  return best;
}

}  // namespace levit::tools

#endif  // HWY_ONCE
