// One sorted order serves ROC, its area and average precision of any number of resamples.
#include "tools/levit/evaluate/ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace levit::tools {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

std::vector<double> column(const Scores& scores, size_t k) {
  std::vector<double> values(scores.count());
  for (size_t i = 0; i < values.size(); ++i) values[i] = scores.probability(i, k);
  return values;
}

std::vector<bool> of_class(const Scores& scores, size_t k) {
  std::vector<bool> values(scores.count());
  for (size_t i = 0; i < values.size(); ++i) values[i] = scores.truth[i] == k;
  return values;
}

}  // namespace

Ranking::Ranking(const Scores& scores, size_t k) : Ranking(column(scores, k), of_class(scores, k)) {}

Ranking::Ranking(const std::vector<double>& score, std::vector<bool> positive)
    : positive_(std::move(positive)), order_(score.size()), ends_group_(score.size()) {
  std::iota(order_.begin(), order_.end(), 0U);
  std::stable_sort(order_.begin(), order_.end(),
                   [&score](uint32_t a, uint32_t b) { return score[a] > score[b]; });
  for (size_t i = 0; i < order_.size(); ++i) {
    ends_group_[i] = i + 1 == order_.size() || score[order_[i + 1]] < score[order_[i]];
    if (ends_group_[i]) thresholds_.push_back(score[order_[i]]);
  }
}

template <typename Visit>
void Ranking::for_each_group(const Weights& weights, Visit visit) const {
  double positives = 0, negatives = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    (positive_[order_[i]] ? positives : negatives) += weight_of(weights, order_[i]);
    if (!ends_group_[i]) continue;
    visit(positives, negatives);
    positives = negatives = 0;
  }
}

double Ranking::auc(const Weights& weights) const {
  double above = 0, negatives = 0, won = 0;  // positives seen, negatives seen, pairs in the right order
  for_each_group(weights, [&](double group_positives, double group_negatives) {
    won += group_negatives * (above + group_positives / 2);
    above += group_positives;
    negatives += group_negatives;
  });
  return above == 0 || negatives == 0 ? kUndefined : won / (above * negatives);
}

double Ranking::average_precision(const Weights& weights) const {
  double positives = 0, seen = 0, sum = 0;
  for_each_group(weights, [&](double group_positives, double group_negatives) {
    positives += group_positives;
    seen += group_positives + group_negatives;
    if (seen > 0) sum += group_positives * positives / seen;
  });
  return positives == 0 ? kUndefined : sum / positives;
}

std::vector<RocPoint> Ranking::roc() const {
  std::vector<RocPoint> points;
  double positives = 0, negatives = 0;
  for_each_group({}, [&](double group_positives, double group_negatives) {
    positives += group_positives;
    negatives += group_negatives;
    points.push_back({thresholds_[points.size()], negatives, positives});
  });
  for (RocPoint& point : points) {
    point.false_positives /= negatives;
    point.true_positives /= positives;
  }
  return points;
}

double auc_one_against_one(const Scores& scores) {
  std::vector<std::vector<size_t>> rows(scores.classes);
  for (size_t i = 0; i < scores.count(); ++i) rows[scores.truth[i]].push_back(i);
  double sum = 0, terms = 0;
  for (size_t i = 0; i < scores.classes; ++i) {
    for (size_t j = 0; j < scores.classes; ++j) {
      if (i == j || rows[i].empty() || rows[j].empty()) continue;
      std::vector<double> score;
      for (const size_t k : {i, j})
        for (const size_t row : rows[k]) score.push_back(scores.probability(row, i));
      std::vector<bool> positive(score.size());
      std::fill(positive.begin(), positive.begin() + static_cast<long>(rows[i].size()), true);
      sum += Ranking(score, std::move(positive)).auc();
      ++terms;
    }
  }
  return terms == 0 ? kUndefined : sum / terms;
}

}  // namespace levit::tools
