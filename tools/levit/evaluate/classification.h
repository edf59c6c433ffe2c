// Metrics of decisions: what was predicted against what is true. Definitions are scikit-learn's.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_CLASSIFICATION_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_CLASSIFICATION_H_

#include <vector>

#include "tools/levit/evaluate/scores.h"

namespace levit::tools {

// Rows by truth and prediction: [classes][classes].
std::vector<uint64_t> confusion_matrix(const Scores& scores);

struct ClassDecisions {
  double precision, recall, f1;  // 0 where the denominator is 0
  double support;                // rows of this class
};

struct Decisions {
  double accuracy = 0;
  double balanced_accuracy = 0;                                // mean recall over the classes that occur
  double precision_macro = 0, recall_macro = 0, f1_macro = 0;  // plain means over all classes
  double f1_weighted = 0;                                      // by support
  std::vector<ClassDecisions> classes;
};

Decisions decisions(const Scores& scores, const Weights& weights = {});

// Accuracy of the `share` of rows that the model is surest of; at least one row. Equal confidences keep the
// order of the rows.
class Coverage {
 public:
  explicit Coverage(const Scores& scores);
  double accuracy(double share) const;
  // The smallest confidence among them.
  double threshold(double share) const;

 private:
  size_t rows(double share) const;
  std::vector<size_t> right_;  // among the first i + 1
  std::vector<double> confidence_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_CLASSIFICATION_H_
