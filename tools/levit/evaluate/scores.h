// What a model said of pictures whose class is known: the input of every metric.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_SCORES_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace levit::tools {

struct Scores {
  size_t classes = 0;
  std::vector<double> probabilities;       // [count][classes]
  std::vector<uint32_t> truth, predicted;  // [count]

  size_t count() const { return truth.size(); }
  double probability(size_t row, size_t k) const { return probabilities[row * classes + k]; }
  // Of the predicted class.
  double confidence(size_t row) const { return probability(row, predicted[row]); }
  bool correct(size_t row) const { return predicted[row] == truth[row]; }
};

// How often each row counts, as in a bootstrap resample; empty: every row once.
using Weights = std::vector<uint32_t>;

inline double weight_of(const Weights& weights, size_t row) {
  return weights.empty() ? 1 : static_cast<double>(weights[row]);
}

// softmax(logits / temperature), row by row: logits [count][classes].
std::vector<double> softmax_rows(const std::vector<double>& logits, size_t classes, double temperature);

// The first largest of each row of values [count][classes].
std::vector<uint32_t> largest_of_rows(const std::vector<double>& values, size_t classes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_SCORES_H_
