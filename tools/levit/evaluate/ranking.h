// Metrics of order: how well a score separates the rows of one class from others. Definitions are
// scikit-learn's.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_RANKING_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_RANKING_H_

#include <vector>

#include "tools/levit/evaluate/scores.h"

namespace levit::tools {

struct RocPoint {
  double threshold, false_positives, true_positives;  // rates of the rows that score at least the threshold
};

// Rows in the order of one score, sorted once for any number of resamples.
class Ranking {
 public:
  // The probability of class k as score, the rows of class k as positives.
  Ranking(const Scores& scores, size_t k);
  // score [count], positive [count].
  Ranking(const std::vector<double>& score, std::vector<bool> positive);

  // Probability that a positive scores above a negative, ties one half. NaN without one of the two.
  double auc(const Weights& weights = {}) const;

  // Sum over the distinct scores, descending, of (recall_n - recall_{n-1}) precision_n. NaN without
  // positives.
  double average_precision(const Weights& weights = {}) const;

  // A point for each distinct score, descending; (0, 0) is not among them.
  std::vector<RocPoint> roc() const;

 private:
  // Calls visit(positives, negatives, last row) for each group of equal scores, descending.
  template <typename Visit>
  void for_each_group(const Weights& weights, Visit visit) const;

  std::vector<bool> positive_;      // by row
  std::vector<uint32_t> order_;     // rows, descending score
  std::vector<bool> ends_group_;    // by position in order_
  std::vector<double> thresholds_;  // of the groups
};

// Mean over the pairs of classes (i, j) of the AUC of p_i and that of p_j on the rows of those two classes
// (Hand and Till 2001); pairs of which a class does not occur are left out.
double auc_one_against_one(const Scores& scores);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_RANKING_H_
