#include "tools/levit/evaluate/scores.h"

#include <algorithm>
#include <cmath>

namespace levit::tools {

std::vector<double> softmax_rows(const std::vector<double>& logits, size_t classes, double temperature) {
  std::vector<double> out(logits.size());
  for (size_t first = 0; first < logits.size(); first += classes) {
    const auto begin = logits.begin() + static_cast<long>(first);
    const double largest = *std::max_element(begin, begin + static_cast<long>(classes));
    double sum = 0;
    for (size_t k = first; k < first + classes; ++k)
      sum += out[k] = std::exp((logits[k] - largest) / temperature);
    for (size_t k = first; k < first + classes; ++k) out[k] /= sum;
  }
  return out;
}

std::vector<uint32_t> largest_of_rows(const std::vector<double>& values, size_t classes) {
  std::vector<uint32_t> out;
  for (auto row = values.begin(); row != values.end(); row += static_cast<long>(classes))
    out.push_back(static_cast<uint32_t>(std::max_element(row, row + static_cast<long>(classes)) - row));
  return out;
}

}  // namespace levit::tools
