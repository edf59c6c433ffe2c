#include "tools/levit/evaluate/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace levit::tools {
namespace {

double ratio(double part, double whole) {
  return whole == 0 ? 0 : part / whole;
}

}  // namespace

std::vector<uint64_t> confusion_matrix(const Scores& scores) {
  std::vector<uint64_t> cells(scores.classes * scores.classes);
  for (size_t i = 0; i < scores.count(); ++i) ++cells[scores.truth[i] * scores.classes + scores.predicted[i]];
  return cells;
}

Decisions decisions(const Scores& scores, const Weights& weights) {
  const size_t classes = scores.classes;
  std::vector<double> right(classes), predicted(classes), support(classes);
  for (size_t i = 0; i < scores.count(); ++i) {
    const double weight = weight_of(weights, i);
    support[scores.truth[i]] += weight;
    predicted[scores.predicted[i]] += weight;
    if (scores.correct(i)) right[scores.truth[i]] += weight;
  }
  const double total = std::accumulate(support.begin(), support.end(), 0.0);
  const auto all = static_cast<double>(classes);
  Decisions result;
  result.accuracy = std::accumulate(right.begin(), right.end(), 0.0) / total;
  double occurring = 0;
  for (size_t k = 0; k < classes; ++k) {
    const ClassDecisions one = {ratio(right[k], predicted[k]), ratio(right[k], support[k]),
                                ratio(2 * right[k], predicted[k] + support[k]), support[k]};
    result.precision_macro += one.precision / all;
    result.recall_macro += one.recall / all;
    result.f1_macro += one.f1 / all;
    result.f1_weighted += one.f1 * support[k] / total;
    occurring += support[k] > 0 ? 1 : 0;
    result.classes.push_back(one);
  }
  result.balanced_accuracy = result.recall_macro * all / occurring;
  return result;
}

Coverage::Coverage(const Scores& scores) {
  std::vector<size_t> order(scores.count());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores.confidence(a) > scores.confidence(b); });
  size_t right = 0;
  for (const size_t row : order) {
    right += scores.correct(row) ? 1 : 0;
    right_.push_back(right);
    confidence_.push_back(scores.confidence(row));
  }
}

size_t Coverage::rows(double share) const {
  const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(right_.size())));
  return std::clamp<size_t>(wanted, 1, right_.size());
}

double Coverage::accuracy(double share) const {
  return static_cast<double>(right_[rows(share) - 1]) / static_cast<double>(rows(share));
}

double Coverage::threshold(double share) const {
  return confidence_[rows(share) - 1];
}

}  // namespace levit::tools
