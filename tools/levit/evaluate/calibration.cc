// Log loss, Brier score, calibration bins, and the temperature by bisection on the convex loss.
#include "tools/levit/evaluate/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace levit::tools {
namespace {

class Bins {
 public:
  Bins() : bins_(kCalibrationBins) {}

  void add(double confidence, bool right, double weight) {
    const auto bins = static_cast<double>(kCalibrationBins);
    auto b = static_cast<size_t>(std::clamp(std::ceil(confidence * bins) - 1, 0.0, bins - 1));
    // The product is rounded; the bounds decide.
    if (b > 0 && confidence <= static_cast<double>(b) / bins) --b;
    if (b + 1 < kCalibrationBins && confidence > static_cast<double>(b + 1) / bins) ++b;
    bins_[b].count += weight;
    bins_[b].accuracy += right ? weight : 0;
    bins_[b].confidence += weight * confidence;
  }

  std::vector<CalibrationBin> means() {
    for (CalibrationBin& bin : bins_) {
      if (bin.count == 0) continue;
      bin.accuracy /= bin.count;
      bin.confidence /= bin.count;
    }
    return bins_;
  }

 private:
  std::vector<CalibrationBin> bins_;
};

// Derivative of the mean log loss of softmax(scale * logits) with respect to the scale, which is convex.
double slope(const std::vector<double>& logits, const std::vector<uint32_t>& truth, size_t classes,
             double scale) {
  double sum = 0;
  const std::vector<double> p = softmax_rows(logits, classes, 1 / scale);
  for (size_t i = 0; i < truth.size(); ++i) {
    const double* row = &logits[i * classes];
    for (size_t k = 0; k < classes; ++k) sum += p[i * classes + k] * (row[k] - row[truth[i]]);
  }
  return sum;
}

}  // namespace

double log_loss(const Scores& scores, const Weights& weights) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < scores.count(); ++i) {
    const double weight = weight_of(weights, i);
    sum -= weight *
           std::log(std::max(scores.probability(i, scores.truth[i]), std::numeric_limits<double>::min()));
    total += weight;
  }
  return sum / total;
}

double brier(const Scores& scores, const Weights& weights) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < scores.count(); ++i) {
    double squares = 0;
    for (size_t k = 0; k < scores.classes; ++k) {
      const double difference = scores.probability(i, k) - (scores.truth[i] == k ? 1 : 0);
      squares += difference * difference;
    }
    sum += weight_of(weights, i) * squares;
    total += weight_of(weights, i);
  }
  return sum / total / (scores.classes == 2 ? 2 : 1);
}

std::vector<CalibrationBin> top_bins(const Scores& scores, const Weights& weights) {
  Bins bins;
  for (size_t i = 0; i < scores.count(); ++i)
    bins.add(scores.confidence(i), scores.correct(i), weight_of(weights, i));
  return bins.means();
}

std::vector<CalibrationBin> class_bins(const Scores& scores, size_t k, const Weights& weights) {
  Bins bins;
  for (size_t i = 0; i < scores.count(); ++i)
    bins.add(scores.probability(i, k), scores.truth[i] == k, weight_of(weights, i));
  return bins.means();
}

double calibration_error(const std::vector<CalibrationBin>& bins) {
  double sum = 0, total = 0;
  for (const CalibrationBin& bin : bins) {
    sum += bin.count * std::abs(bin.accuracy - bin.confidence);
    total += bin.count;
  }
  return sum / total;
}

std::optional<double> fit_temperature(const std::vector<double>& logits, const std::vector<uint32_t>& truth,
                                      size_t classes) {
  double low = 1e-3, high = 1e3;  // of 1 / T
  if (slope(logits, truth, classes, low) >= 0 || slope(logits, truth, classes, high) <= 0)
    return std::nullopt;
  while (high - low > 1e-13 * low) {
    const double middle = std::sqrt(low * high);
    if (middle <= low || middle >= high) break;
    (slope(logits, truth, classes, middle) < 0 ? low : high) = middle;
  }
  return 2 / (low + high);
}

}  // namespace levit::tools
