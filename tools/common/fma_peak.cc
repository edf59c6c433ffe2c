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

// Independent multiply-adds in flight: enough to hide a latency of six cycles at two per cycle.
constexpr size_t kChains = 12;

// Runs `rounds` times one step of every chain. Returns the floating-point operations; *sink keeps the
// compiler from leaving them out.
double multiply_adds(size_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto a = hn::Set(d, 0.5f), b = hn::Set(d, *sink);
  // Different starts: chains that begin alike stay alike, and the compiler would keep only one of them.
  hn::Vec<decltype(d)> x[kChains];
  for (size_t c = 0; c < kChains; ++c) x[c] = hn::Add(b, hn::Set(d, static_cast<float>(c)));
  for (size_t i = 0; i < rounds; ++i) {
    for (auto& chain : x) chain = hn::MulAdd(chain, a, b);
  }
  auto sum = x[0];
  for (size_t c = 1; c < kChains; ++c) sum = hn::Add(sum, x[c]);
  *sink = hn::GetLane(sum) > 0 ? 1.0f : 2.0f;
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
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
    {"AVX3", HWY_CHOOSE_AVX3(multiply_adds)},
    {"AVX2", HWY_CHOOSE_AVX2(multiply_adds)},
    {"SSE4", HWY_CHOOSE_SSE4(multiply_adds)},
    {"WASM", HWY_CHOOSE_WASM(multiply_adds)},
#if HWY_TARGETS & HWY_NEON_WITHOUT_AES
    {"NEON", HWY_CHOOSE_NEON_WITHOUT_AES(multiply_adds)},
#else
    {"NEON", HWY_CHOOSE_NEON(multiply_adds)},
#endif
    {"SCALAR", HWY_CHOOSE_FALLBACK(multiply_adds)},
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
