// What the kernel benchmarks share: numbers to work on, the check before the timing, the share of the peak.
#ifndef LEVIT_BENCH_SUPPORT_H_
#define LEVIT_BENCH_SUPPORT_H_

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/panels.h"

namespace levit::bench {

// Numbers in [-1, 1), from a 64-byte bound on.
class Numbers {
 public:
  explicit Numbers(size_t count);
  float* data();
  size_t size() const { return memory_.size() - 16; }
  std::vector<double> wide();

 private:
  std::vector<float> memory_;
};

// A matrix [outputs, depth] in fp16 panels, and what they hold.
struct Weights {
  Weights(size_t outputs, size_t depth);
  kernels::Panels panels() { return {memory.data(), kernels::Number::kHalf, outputs, depth}; }

  size_t outputs, depth;
  Numbers memory;
  std::vector<double> values;
};

// One operation on one shape. `y` is compared with `expected` before anything is timed.
struct Case {
  double products;  // multiply-adds of a run
  std::function<void(const kernels::Dispatch&)> run;
  const float* y;
  std::function<std::vector<double>()> expected;
  double tolerance;
};

// Registers "<operation>/<target>/<shape>" for every target. `make` builds the case when its turn comes. A
// result that differs by more than the tolerance ends the benchmark with an error.
void register_case(const std::string& operation, const std::string& shape, const std::function<Case()>& make);

// Counters: FLOP/s, and the share of what the core can do with vectors of the target's length (of_peak, a
// rate too).
void report(benchmark::State& state, const kernels::Dispatch& target, double products);

}  // namespace levit::bench

#endif  // LEVIT_BENCH_SUPPORT_H_
