// Metrics of probabilities: whether a confidence means what it says.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_CALIBRATION_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_CALIBRATION_H_

#include <optional>
#include <vector>

#include "tools/levit/evaluate/scores.h"

namespace levit::tools {

inline constexpr size_t kCalibrationBins = 15;

// Mean of -log of the probability of the true class; a probability of 0 counts as the smallest double.
double log_loss(const Scores& scores, const Weights& weights = {});

// Mean over the rows of sum_k (p_k - [y = k])^2, halved for two classes: then it is the mean of
// (p_1 - y)^2 (Brier 1950).
double brier(const Scores& scores, const Weights& weights = {});

// Bin b holds b / 15 < confidence <= (b + 1) / 15, the first bin 0 as well.
struct CalibrationBin {
  double count = 0, accuracy = 0, confidence = 0;  // the means are 0 in an empty bin
};

// Confidence of the predicted class against accuracy.
std::vector<CalibrationBin> top_bins(const Scores& scores, const Weights& weights = {});
// Probability of class k against the share of rows that are of class k.
std::vector<CalibrationBin> class_bins(const Scores& scores, size_t k, const Weights& weights = {});

// Expected calibration error (Naeini et al. 2015): mean over the rows of |accuracy - confidence| of their
// bins.
double calibration_error(const std::vector<CalibrationBin>& bins);

// The T that minimises the log loss of softmax(logits / T) (Guo et al. 2017), found to 1e-12; nothing when
// the loss falls to one of the ends of what a weight file can hold, 0.001 (all rows are right) or 1000 (the
// logits say nothing). logits [count][classes], truth [count].
std::optional<double> fit_temperature(const std::vector<double>& logits, const std::vector<uint32_t>& truth,
                                      size_t classes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_CALIBRATION_H_
