#include "tools/levit/evaluate/doubt.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/ranking.h"

namespace levit::tools {
namespace {

constexpr double kCoverage = 0.8;
constexpr size_t kResamples = 1000;

// Rows in the order of their doubt.
class Doubted {
 public:
  Doubted(const std::vector<double>& doubt, const Scores& scores)
      : ranking_(doubt, mistakes(scores)), order_(doubt.size()), scores_(scores) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return doubt[a] < doubt[b]; });
  }

  double auc(const Weights& weights) const { return ranking_.auc(weights); }

  // Of the rows that are doubted least, a share of all.
  double accuracy(const Weights& weights, double coverage) const {
    double all = 0, taken = 0, right = 0;
    for (const size_t row : order_) all += weight_of(weights, row);
    for (const size_t row : order_) {
      const double weight = std::min(weight_of(weights, row), std::ceil(coverage * all) - taken);
      if (!(weight > 0)) continue;
      taken += weight;
      right += scores_.correct(row) ? weight : 0;
    }
    return right / taken;
  }

 private:
  static std::vector<bool> mistakes(const Scores& scores) {
    std::vector<bool> values;
    for (size_t i = 0; i < scores.count(); ++i) values.push_back(!scores.correct(i));
    return values;
  }

  Ranking ranking_;
  std::vector<size_t> order_;
  const Scores& scores_;
};

// What the views of a picture say.
struct Views {
  std::vector<double> spread, mean_doubt;  // [rows]
  std::vector<bool> mean_right;            // whether the mean's verdict is right
};

Views views_of(const std::vector<Prediction>& predictions, const Scores& scores, double temperature) {
  Views views;
  const size_t classes = scores.classes;
  for (size_t i = 0; i < predictions.size(); ++i) {
    std::vector<double> logits(predictions[i].logits.begin(), predictions[i].logits.end());
    for (const std::vector<float>& view : predictions[i].views)
      logits.insert(logits.end(), view.begin(), view.end());
    const std::vector<double> each = softmax_rows(logits, classes, temperature);
    const auto count = static_cast<double>(each.size() / classes);
    std::vector<double> mean(classes);
    for (size_t k = 0; k < logits.size(); ++k) mean[k % classes] += logits[k] / count;
    double sum = 0, squares = 0;
    for (size_t k = 0; k < each.size(); k += classes) {
      sum += each[k];
      squares += each[k] * each[k];
    }
    views.spread.push_back(std::sqrt(std::max(0.0, squares / count - sum / count * sum / count)));
    const std::vector<double> together = softmax_rows(mean, classes, temperature);
    views.mean_doubt.push_back(1 - together[scores.predicted[i]]);
    views.mean_right.push_back(largest_of_rows(mean, classes)[0] == scores.truth[i]);
  }
  return views;
}

double mean_accuracy(const std::vector<bool>& right, const Weights& weights) {
  double hits = 0, all = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    all += weight_of(weights, i);
    hits += right[i] ? weight_of(weights, i) : 0;
  }
  return hits / all;
}

}  // namespace

Doubt measure_doubt(const std::vector<Prediction>& predictions, const Scores& scores, double temperature,
                    uint64_t seed, ThreadPool& pool) {
  const Views views = views_of(predictions, scores, temperature);
  std::vector<double> probability, distance;
  for (size_t i = 0; i < scores.count(); ++i) {
    probability.push_back(1 - scores.confidence(i));
    distance.push_back(static_cast<double>(predictions[i].distance));
  }
  std::vector<std::pair<std::string, Doubted>> ways;
  ways.emplace_back("plain probability", Doubted(probability, scores));
  ways.emplace_back("probability of the views' mean", Doubted(views.mean_doubt, scores));
  ways.emplace_back("spread of the views", Doubted(views.spread, scores));
  if (!predictions.empty() && predictions[0].distance >= 0)
    ways.emplace_back("familiarity", Doubted(distance, scores));
  const auto statistics = [&](const Weights& weights) {
    std::vector<double> values = {mean_accuracy(views.mean_right, weights)};
    for (const auto& way : ways) {
      values.push_back(way.second.auc(weights));
      values.push_back(way.second.accuracy(weights, kCoverage));
      values.push_back(values[values.size() - 2] - values[1]);
    }
    return values;
  };
  const std::vector<double> values = statistics({});
  const std::vector<Range> ranges = bootstrap(scores.count(), kResamples, seed, pool, statistics);
  const auto estimate = [&](const char* name, size_t at) {
    return Estimate{name, values[at], ranges[at].low, ranges[at].high};
  };
  Doubt doubt;
  doubt.mean_accuracy = estimate("accuracy", 0);
  for (size_t i = 0; i < ways.size(); ++i) {
    Detector one = {ways[i].first,
                    estimate("auc", 3 * i + 1),
                    estimate("accuracy_at_80", 3 * i + 2),
                    estimate("gain", 3 * i + 3),
                    {}};
    for (size_t step = 1; step <= kCoverageSteps; ++step)
      one.right.push_back(
          ways[i].second.accuracy({}, static_cast<double>(step) / static_cast<double>(kCoverageSteps)));
    doubt.detectors.push_back(std::move(one));
  }
  return doubt;
}

}  // namespace levit::tools
