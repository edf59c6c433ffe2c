#include "tools/checkpoint/quantise.h"

#include <algorithm>
#include <cmath>

namespace levit::tools {
namespace {

constexpr double kLargest = 127;

double largest_magnitude(const double* row, size_t depth) {
  double largest = 0;
  for (size_t k = 0; k < depth; ++k) largest = std::max(largest, std::fabs(row[k]));
  return largest;
}

}  // namespace

QuantisedMatrix quantise(const std::vector<double>& weight, size_t depth, size_t taps) {
  const size_t rows = weight.size() / depth, channels = depth / taps;
  QuantisedMatrix matrix{std::vector<int8_t>(weight.size()), std::vector<float>(rows)};
  for (size_t n = 0; n < rows; ++n) {
    const double* const row = weight.data() + n * depth;
    const auto scale = static_cast<float>(largest_magnitude(row, depth) / kLargest);
    matrix.scale[n] = scale;
    double carried = 0;
    for (size_t i = 0; i < depth && scale > 0; ++i) {
      const size_t k = i % taps * channels + i / taps;
      const double wanted = row[k] / static_cast<double>(scale) + carried;
      const double number = std::clamp(std::nearbyint(wanted), -kLargest, kLargest);
      if (taps > 1) carried = wanted - number;
      matrix.numbers[n * depth + k] = static_cast<int8_t>(number);
    }
  }
  return matrix;
}

}  // namespace levit::tools
