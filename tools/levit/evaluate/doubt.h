// How well a number tells a model's mistakes from its right verdicts: what doubt is worth, for `evaluate
// --doubt`.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_DOUBT_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_DOUBT_H_

#include <string>
#include <vector>

#include "tools/levit/evaluate/prediction.h"
#include "tools/levit/evaluate/summary.h"

namespace levit::tools {

// Shares of the verdicts, those that are doubted least first: 0.05, 0.1, ..., 1.
inline constexpr size_t kCoverageSteps = 20;

struct Detector {
  std::string name;
  Estimate auc;               // that a mistake is doubted more than a right verdict; one half is chance
  Estimate accuracy;          // of the 80 % of the verdicts that are doubted least
  Estimate gain;              // of `auc` over the plain probability's, on the same pictures
  std::vector<double> right;  // [kCoverageSteps]: accuracy of each share
  bool beats_probability() const { return gain.low > 0; }
};

struct Doubt {
  std::vector<Detector> detectors;  // the plain probability first
  Estimate mean_accuracy{};         // of the verdicts of the mean over the views
};

// From predictions that have views, and distances where the model knows familiarity. `scores` are of the
// plain views. Intervals as summarise() has them.
Doubt measure_doubt(const std::vector<Prediction>& predictions, const Scores& scores, double temperature,
                    uint64_t seed, ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_DOUBT_H_
