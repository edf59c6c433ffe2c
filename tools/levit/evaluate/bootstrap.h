// 95 % intervals by resampling pictures (percentile bootstrap, Efron 1979).
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_BOOTSTRAP_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_BOOTSTRAP_H_

#include <functional>
#include <vector>

#include "tools/common/thread_pool.h"
#include "tools/levit/evaluate/scores.h"

namespace levit::tools {

struct Range {
  double low, high;
};

// Rows are drawn with replacement `resamples` times, each time as many as there are. `statistics` gives the
// values of a resample, always equally many, on any thread. Returns for each value the 2.5th and the 97.5th
// percentile over the resamples where it is defined (not NaN), interpolated as NumPy does; NaN where it never
// is. Draws depend on `seed` and the number of the resample alone, not on the threads.
std::vector<Range> bootstrap(size_t rows, size_t resamples, uint64_t seed, ThreadPool& pool,
                             const std::function<std::vector<double>(const Weights&)>& statistics);

// Draws of one resample: counts by row, `rows` in all.
Weights resample(size_t rows, uint64_t seed, size_t number);

// 95 % interval of a share of `right` in `all`, by Wilson's score (1927): also for few rows and shares of
// 0 and 1.
Range wilson_interval(double right, double all);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_BOOTSTRAP_H_
