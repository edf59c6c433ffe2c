#include "tools/levit/evaluate/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <random>

namespace levit::tools {
namespace {

// NumPy's percentile of sorted values; share in [0, 1].
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Range range_of(const std::vector<std::vector<double>>& values, size_t which) {
  std::vector<double> sorted;
  for (const std::vector<double>& of_resample : values)
    if (!std::isnan(of_resample[which])) sorted.push_back(of_resample[which]);
  if (sorted.empty())
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  std::sort(sorted.begin(), sorted.end());
  return {percentile(sorted, 0.025), percentile(sorted, 0.975)};
}

}  // namespace

Weights resample(size_t rows, uint64_t seed, size_t number) {
  std::seed_seq sequence = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                            static_cast<uint32_t>(number)};
  std::mt19937_64 generator(sequence);
  Weights weights(rows);
  // The high half of the product of 32 random bits and the count: even to one part in 2^32 / rows.
  for (size_t i = 0; i < rows; ++i) ++weights[((generator() >> 32) * rows) >> 32];
  return weights;
}

std::vector<Range> bootstrap(size_t rows, size_t resamples, uint64_t seed, ThreadPool& pool,
                             const std::function<std::vector<double>(const Weights&)>& statistics) {
  std::vector<std::vector<double>> values(resamples);
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&](size_t number) {
    try {
      values[number] = statistics(resample(rows, seed, number));
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  };
  const auto task = [](void* context, size_t number, size_t) {
    (*static_cast<decltype(work)*>(context))(number);
  };
  pool.run(resamples, task, const_cast<void*>(static_cast<const void*>(&work)));
  if (failure) std::rethrow_exception(failure);
  std::vector<Range> ranges;
  for (size_t i = 0; i < values.front().size(); ++i) ranges.push_back(range_of(values, i));
  return ranges;
}

Range wilson_interval(double right, double all) {
  if (all == 0) return {0, 1};
  constexpr double kZ = 1.959963984540054;
  const double share = right / all, scale = 1 + kZ * kZ / all;
  const double middle = share + kZ * kZ / (2 * all);
  const double reach = kZ * std::sqrt(share * (1 - share) / all + kZ * kZ / (4 * all * all));
  return {std::max(0.0, (middle - reach) / scale), std::min(1.0, (middle + reach) / scale)};
}

}  // namespace levit::tools
