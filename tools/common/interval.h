// Means with their uncertainty.
#ifndef LEVIT_TOOLS_COMMON_INTERVAL_H_
#define LEVIT_TOOLS_COMMON_INTERVAL_H_

#include <cstddef>
#include <vector>

namespace levit::tools {

struct Interval {
  double mean, low, high;
};

// The mean and its 95 % interval by Student's t; with fewer than two values the interval is infinite.
Interval mean_interval(const std::vector<double>& values);

// The t that 95 % of Student's distribution with that many degrees of freedom lie within; at least 1 degree.
double student_t95(size_t degrees);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_INTERVAL_H_
