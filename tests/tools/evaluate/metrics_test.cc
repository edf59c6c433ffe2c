// The metrics of `levit evaluate` against scikit-learn's (tests/data/metrics/README.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/npy.h"
#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/calibration.h"
#include "tools/levit/evaluate/classification.h"
#include "tools/levit/evaluate/ranking.h"
#include "tools/levit/evaluate/summary.h"

namespace levit::tools {
namespace {

using nlohmann::json;
using tests::load_npy;

const json& expected() {
  static const json parsed = json::parse(tests::load_text("metrics/expected.json"));
  return parsed;
}

std::vector<uint32_t> labels(const std::string& name) {
  std::vector<uint32_t> out;
  for (const float value : load_npy("metrics/" + name).values) out.push_back(static_cast<uint32_t>(value));
  return out;
}

struct Golden {
  Scores scores;
  std::vector<double> logits;
};

Golden several(const std::string& name) {
  const tests::Array array = load_npy("metrics/" + name + "_logits.npy");
  Golden golden;
  golden.logits.assign(array.values.begin(), array.values.end());
  golden.scores.classes = array.shape[1];
  golden.scores.truth = labels(name + "_labels.npy");
  golden.scores.probabilities = softmax_rows(golden.logits, golden.scores.classes, 1);
  golden.scores.predicted = largest_of_rows(golden.logits, golden.scores.classes);
  return golden;
}

Golden binary() {
  Golden golden;
  golden.scores.classes = 2;
  golden.scores.truth = labels("binary_labels.npy");
  for (const float value : load_npy("metrics/binary_scores.npy").values) {
    const double score = static_cast<double>(value);
    golden.scores.probabilities.insert(golden.scores.probabilities.end(), {1 - score, score});
    golden.scores.predicted.push_back(score >= 0.5 ? 1 : 0);
    golden.logits.insert(golden.logits.end(), {0, std::log(score / (1 - score))});
  }
  return golden;
}

// Equal within the bar of 1e-9.
void same(double value, const json& golden) {
  CHECK(std::abs(value - golden.get<double>()) < 1e-9);
}

void same_bins(const std::vector<CalibrationBin>& bins, const json& golden) {
  REQUIRE(bins.size() == golden.size());
  for (size_t b = 0; b < bins.size(); ++b) {
    CHECK(bins[b].count == golden[b]["count"].get<double>());
    same(bins[b].accuracy, golden[b]["accuracy"]);
    same(bins[b].confidence, golden[b]["confidence"]);
  }
}

void same_decisions(const Scores& scores, const json& golden) {
  const Decisions made = decisions(scores);
  same(made.accuracy, golden["accuracy"]);
  same(made.balanced_accuracy, golden["balanced_accuracy"]);
  same(made.precision_macro, golden["precision_macro"]);
  same(made.recall_macro, golden["recall_macro"]);
  same(made.f1_macro, golden["f1_macro"]);
  same(made.f1_weighted, golden["f1_weighted"]);
  const std::vector<uint64_t> confusion = confusion_matrix(scores);
  for (size_t k = 0; k < scores.classes; ++k) {
    same(made.classes[k].precision, golden["precision"][k]);
    same(made.classes[k].recall, golden["recall"][k]);
    same(made.classes[k].f1, golden["f1"][k]);
    same(made.classes[k].support, golden["support"][k]);
    for (size_t j = 0; j < scores.classes; ++j)
      CHECK(confusion[k * scores.classes + j] == golden["confusion"][k][j].get<uint64_t>());
  }
  same(log_loss(scores), golden["log_loss"]);
  same(brier(scores), golden["brier"]);
  same(calibration_error(top_bins(scores)), golden["ece_top"]);
  same_bins(top_bins(scores), golden["ece_top_bins"]);
}

void same_temperature(const Golden& data, const json& golden) {
  const std::optional<double> temperature =
      fit_temperature(data.logits, data.scores.truth, data.scores.classes);
  REQUIRE(temperature.has_value());
  CHECK(std::abs(*temperature - golden["temperature"].get<double>()) < 1e-9);
  Scores scaled = data.scores;
  scaled.probabilities = softmax_rows(data.logits, scaled.classes, *temperature);
  same(log_loss(scaled), golden["log_loss_at_temperature"]);
}

TEST_CASE("decisions, calibration and temperature of two classes are scikit-learn's") {
  const Golden data = binary();
  const json& golden = expected()["binary"];
  same_decisions(data.scores, golden);
  same(calibration_error(class_bins(data.scores, 1)), golden["ece_positive"]);
  same_bins(class_bins(data.scores, 1), golden["ece_positive_bins"]);
  same_temperature(data, golden);
}

TEST_CASE("ROC, its area and average precision of two classes are scikit-learn's, ties included") {
  const Scores scores = binary().scores;
  const json& golden = expected()["binary"];
  const Ranking ranking(scores, 1);
  same(ranking.auc(), golden["roc_auc"]);
  same(ranking.average_precision(), golden["average_precision"]);
  const std::vector<RocPoint> points = ranking.roc();
  REQUIRE(points.size() == golden["roc"]["thresholds"].size());
  for (size_t i = 0; i < points.size(); ++i) {
    same(points[i].threshold, golden["roc"]["thresholds"][i]);
    same(points[i].false_positives, golden["roc"]["fpr"][i]);
    same(points[i].true_positives, golden["roc"]["tpr"][i]);
  }
}

TEST_CASE("all metrics of four classes are scikit-learn's") {
  const Golden data = several("four");
  const json& golden = expected()["four"];
  same_decisions(data.scores, golden);
  same_temperature(data, golden);
  double weighted = 0;
  for (size_t k = 0; k < 4; ++k) {
    const Ranking ranking(data.scores, k);
    same(ranking.auc(), golden["roc_auc_per_class"][k]);
    same(ranking.average_precision(), golden["average_precision_per_class"][k]);
    weighted += ranking.auc() * golden["support"][k].get<double>() / golden["count"].get<double>();
  }
  same(weighted, golden["roc_auc_ovr_weighted"]);
  same(auc_one_against_one(data.scores), golden["roc_auc_ovo_macro"]);
  ThreadPool pool(2);
  const Summary summary = summarise(data.scores, 1, pool);
  same(summary.metric("roc_auc").value, golden["roc_auc_ovr_macro"]);
  same(summary.metric("average_precision").value, golden["average_precision_macro"]);
}

TEST_CASE("a class never predicted, one that does not occur, and scores without use: no temperature") {
  const Golden data = several("edge");
  same_decisions(data.scores, expected()["edge"]);
  CHECK_FALSE(fit_temperature(data.logits, data.scores.truth, 4).has_value());
  CHECK(std::isnan(Ranking(data.scores, 2).auc()));
  CHECK(std::isnan(Ranking(data.scores, 2).average_precision()));
}

TEST_CASE("a model that is always right has no best temperature either") {
  CHECK_FALSE(fit_temperature({3, 0, 0, 3}, {0, 1}, 2).has_value());
}

TEST_CASE("a weighted metric is the metric of the repeated rows") {
  const Scores scores = several("four").scores;
  Weights weights = resample(scores.count(), 5, 3);
  CHECK(*std::max_element(weights.begin(), weights.end()) > 2);
  Scores repeated;
  repeated.classes = 4;
  for (size_t i = 0; i < scores.count(); ++i) {
    for (uint32_t j = 0; j < weights[i]; ++j) {
      for (size_t k = 0; k < 4; ++k) repeated.probabilities.push_back(scores.probability(i, k));
      repeated.truth.push_back(scores.truth[i]);
      repeated.predicted.push_back(scores.predicted[i]);
    }
  }
  CHECK(repeated.count() == scores.count());
  same(decisions(scores, weights).f1_weighted, decisions(repeated).f1_weighted);
  same(decisions(scores, weights).balanced_accuracy, decisions(repeated).balanced_accuracy);
  same(Ranking(scores, 1).auc(weights), Ranking(repeated, 1).auc());
  same(Ranking(scores, 1).average_precision(weights), Ranking(repeated, 1).average_precision());
  same(log_loss(scores, weights), log_loss(repeated));
  same(brier(scores, weights), brier(repeated));
  same(calibration_error(top_bins(scores, weights)), calibration_error(top_bins(repeated)));
}

TEST_CASE("bootstrap intervals of an accuracy are those of its binomial, whatever the threads") {
  // 400 rows, 320 right: a share of 0.8 with a standard error of 0.02.
  Scores scores;
  scores.classes = 2;
  for (uint32_t i = 0; i < 400; ++i) {
    scores.truth.push_back(i % 2);
    scores.predicted.push_back(i % 5 == 0 ? 1 - i % 2 : i % 2);
    for (uint32_t k = 0; k < 2; ++k) scores.probabilities.push_back(scores.predicted.back() == k ? 0.8 : 0.2);
  }
  ThreadPool one(1), three(3);
  const Summary summary = summarise(scores, 7, one), again = summarise(scores, 7, three);
  const Estimate& accuracy = summary.metric("accuracy");
  CHECK(accuracy.value == doctest::Approx(0.8));
  CHECK(accuracy.low == doctest::Approx(0.8 - 1.96 * 0.02).epsilon(0.01));
  CHECK(accuracy.high == doctest::Approx(0.8 + 1.96 * 0.02).epsilon(0.01));
  for (size_t i = 0; i < summary.metrics.size(); ++i) {
    CAPTURE(summary.metrics[i].name);
    CHECK(summary.metrics[i].low == again.metrics[i].low);
    CHECK(summary.metrics[i].high == again.metrics[i].high);
    CHECK(summary.metrics[i].low <= summary.metrics[i].high);
  }
  CHECK(summarise(scores, 8, one).metric("accuracy").low != accuracy.low);
}

TEST_CASE("Wilson's interval by hand") {
  const Range half = wilson_interval(5, 10);  // 0.2366 .. 0.7634, as in Newcombe 1998
  CHECK(half.low == doctest::Approx(0.23659).epsilon(1e-4));
  CHECK(half.high == doctest::Approx(0.76341).epsilon(1e-4));
  CHECK(wilson_interval(0, 10).low == 0);
  CHECK(wilson_interval(10, 10).high == doctest::Approx(1));
}

TEST_CASE("accuracy against coverage counts the surest rows first") {
  Scores scores;
  scores.classes = 2;
  scores.probabilities = {0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.7, 0.3};
  scores.truth = {0, 0, 1, 1};
  scores.predicted = largest_of_rows(scores.probabilities, 2);
  const Coverage coverage(scores);  // 0.9 right, 0.8 right, 0.7 wrong, 0.6 wrong
  CHECK(coverage.accuracy(0.5) == 1);
  CHECK(coverage.threshold(0.5) == 0.8);
  CHECK(coverage.accuracy(0.75) == doctest::Approx(2.0 / 3));
  CHECK(coverage.accuracy(1) == 0.5);
  CHECK(coverage.accuracy(0) == 1);  // at least one row
}

}  // namespace
}  // namespace levit::tools
