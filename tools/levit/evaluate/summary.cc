#include "tools/levit/evaluate/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/calibration.h"
#include "tools/levit/evaluate/classification.h"
#include "tools/levit/evaluate/ranking.h"

namespace levit::tools {
namespace {

constexpr const char* kNames[] = {
    "accuracy", "balanced_accuracy", "roc_auc",      "average_precision", "log_loss",   "brier",
    "ece",      "precision_macro",   "recall_macro", "f1_macro",          "f1_weighted"};
constexpr const char* kClassNames[] = {"precision", "recall", "f1", "roc_auc", "average_precision"};

double mean_of_defined(const std::vector<double>& values) {
  double sum = 0, defined = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++defined;
  }
  return defined == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / defined;
}

// Values in the order of kNames, then for each class in that of kClassNames.
std::vector<double> values_of(const Scores& scores, const std::vector<Ranking>& rankings,
                              const Weights& weights) {
  const Decisions made = decisions(scores, weights);
  std::vector<double> auc, precision;
  for (const Ranking& ranking : rankings) {
    auc.push_back(ranking.auc(weights));
    precision.push_back(ranking.average_precision(weights));
  }
  std::vector<double> values = {made.accuracy,
                                made.balanced_accuracy,
                                mean_of_defined(auc),
                                mean_of_defined(precision),
                                log_loss(scores, weights),
                                brier(scores, weights),
                                calibration_error(top_bins(scores, weights)),
                                made.precision_macro,
                                made.recall_macro,
                                made.f1_macro,
                                made.f1_weighted};
  for (size_t k = 0; k < scores.classes; ++k)
    values.insert(values.end(), {made.classes[k].precision, made.classes[k].recall, made.classes[k].f1,
                                 auc[k], precision[k]});
  return values;
}

size_t resamples_for(size_t rows, size_t classes) {
  constexpr double kMost = 1000, kLeast = 200, kWork = 4e9;
  const double work = static_cast<double>(rows) * static_cast<double>(classes);
  return static_cast<size_t>(std::clamp(kWork / work, kLeast, kMost));
}

}  // namespace

const Estimate& Summary::metric(const std::string& name) const {
  for (const Estimate& estimate : metrics)
    if (estimate.name == name) return estimate;
  throw std::logic_error("no metric " + name);
}

Summary summarise(const Scores& scores, uint64_t seed, ThreadPool& pool) {
  std::vector<Ranking> rankings;
  for (size_t k = 0; k < scores.classes; ++k) rankings.emplace_back(scores, k);
  Summary summary;
  summary.count = scores.count();
  summary.resamples = resamples_for(scores.count(), scores.classes);
  const std::vector<double> values = values_of(scores, rankings, {});
  const std::vector<Range> ranges =
      bootstrap(scores.count(), summary.resamples, seed, pool,
                [&](const Weights& weights) { return values_of(scores, rankings, weights); });
  size_t next = 0;
  const auto take = [&](const char* name) {
    const size_t i = next++;
    return Estimate{name, values[i], ranges[i].low, ranges[i].high};
  };
  for (const char* name : kNames) summary.metrics.push_back(take(name));
  const Decisions made = decisions(scores);
  for (size_t k = 0; k < scores.classes; ++k) {
    ClassSummary one;
    one.support = static_cast<size_t>(made.classes[k].support);
    for (const char* name : kClassNames) one.metrics.push_back(take(name));
    summary.classes.push_back(std::move(one));
  }
  return summary;
}

}  // namespace levit::tools
