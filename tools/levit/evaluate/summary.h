// All metrics of an evaluation with their intervals.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_SUMMARY_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_SUMMARY_H_

#include <string>
#include <vector>

#include "tools/common/thread_pool.h"
#include "tools/levit/evaluate/scores.h"

namespace levit::tools {

// NaN: not defined for these rows, as ROC-AUC when only one class occurs.
struct Estimate {
  std::string name;  // "balanced_accuracy"
  double value, low, high;
};

struct ClassSummary {
  size_t support = 0;
  std::vector<Estimate> metrics;  // precision, recall, f1, roc_auc, average_precision
};

struct Summary {
  size_t count = 0, resamples = 0;
  // accuracy, balanced_accuracy, roc_auc (several classes: mean of one against the rest), average_precision
  // (mean over the classes), log_loss, brier, ece, precision_macro, recall_macro, f1_macro, f1_weighted.
  std::vector<Estimate> metrics;
  std::vector<ClassSummary> classes;

  const Estimate& metric(const std::string& name) const;
};

// Bootstrap of 1000 resamples; fewer, at least 200, when rows x classes are more than 4 million.
Summary summarise(const Scores& scores, uint64_t seed, ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_SUMMARY_H_
