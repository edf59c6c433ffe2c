#include "bench/support.h"

#include <cmath>
#include <cstring>
#include <map>

#include "tools/common/fma_peak.h"

namespace levit::bench {
namespace {

// Measured once for each target: the core does not change while the program runs.
double peak(const kernels::Dispatch& target) {
  static std::map<std::string, double> measured;
  const auto [at, first] = measured.try_emplace(target.name, 0.0);
  if (first) {
    at->second = tools::fma_peak(target.name);
  }
  return at->second;
}

void run_case(benchmark::State& state, const Case& c, const kernels::Dispatch& target) {
  c.run(target);
  const std::vector<double> expected = c.expected();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(static_cast<double>(c.y[i]) - expected[i]) <= c.tolerance)) {
      state.SkipWithError("differs from reference.h");
      return;
    }
  }
  for ([[maybe_unused]] const auto iteration : state) {
    c.run(target);
    benchmark::ClobberMemory();
  }
  report(state, target, c.products);
}

}  // namespace

Numbers::Numbers(size_t count) : memory_(count + 16) {
  uint32_t state = 1;
  for (float& value : memory_) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
}

float* Numbers::data() {
  const auto address = reinterpret_cast<uintptr_t>(memory_.data());
  return memory_.data() + (64 - address % 64) % 64 / sizeof(float);
}

std::vector<double> Numbers::wide() {
  return {data(), data() + size()};
}

Weights::Weights(size_t outputs_, size_t depth_)
    : outputs(outputs_),
      depth(depth_),
      memory(kernels::panel_values(outputs, depth) / 2),
      values(outputs * depth) {
  uint32_t state = 1;
  auto* panels = reinterpret_cast<unsigned char*>(memory.data());
  std::memset(panels, 0, memory.size() * sizeof(float));
  for (size_t n = 0; n < outputs; ++n) {
    for (size_t k = 0; k < depth; ++k) {
      state = state * 1664525u + 1013904223u;
      const auto half = static_cast<uint16_t>(state >> 16 & 0xbbffu);  // any number between -1 and 1
      const size_t row = n / kernels::kPanelWidth * depth + k;
      std::memcpy(panels + 2 * (row * kernels::kPanelWidth + n % kernels::kPanelWidth), &half, sizeof half);
      values[n * depth + k] = static_cast<double>(kernels::half_to_float(half));
    }
  }
}

void register_case(const std::string& operation, const std::string& shape,
                   const std::function<Case()>& make) {
  size_t count = 0;
  const kernels::Dispatch* const* targets = kernels::supported_targets(&count);
  for (size_t i = 0; i < count; ++i) {
    const kernels::Dispatch* target = targets[i];
    std::string name = operation;
    name.append("/").append(target->name).append("/").append(shape);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      run_case(state, make(), *target);
    })->Unit(benchmark::kMicrosecond);
  }
}

void report(benchmark::State& state, const kernels::Dispatch& target, double products) {
  using benchmark::Counter;
  state.counters["FLOP/s"] = Counter(2 * products, Counter::kIsIterationInvariantRate);
  if (peak(target) > 0) {
    state.counters["of_peak"] = Counter(2e-9 * products / peak(target), Counter::kIsIterationInvariantRate);
  }
}

}  // namespace levit::bench
