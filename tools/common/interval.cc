#include "tools/common/interval.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace levit::tools {
namespace {

constexpr double kPi = 3.141592653589793;

// Probability that |T| <= t, by Simpson's rule over the angle atan(x / sqrt(degrees)), which keeps heavy
// tails finite: the density there is proportional to cos(angle)^(degrees - 1).
double probability_within(double t, size_t degrees) {
  constexpr int kSteps = 400;
  const auto n = static_cast<double>(degrees);
  const double end = std::atan(t / std::sqrt(n));
  const double scale = std::exp(std::lgamma((n + 1) / 2) - std::lgamma(n / 2)) * 2 / std::sqrt(kPi);
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double weight = i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * std::pow(std::cos(end * i / kSteps), n - 1);
  }
  return scale * sum * end / kSteps / 3;
}

}  // namespace

double student_t95(size_t degrees) {
  double low = 1.9, high = 13;  // normal distribution and one degree: 1.960 and 12.706
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (probability_within(middle, degrees) < 0.95 ? low : high) = middle;
  }
  return low;
}

Interval mean_interval(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return {mean, -kInfinity, kInfinity};
  }
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double reach = student_t95(values.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return {mean, mean - reach, mean + reach};
}

}  // namespace levit::tools
