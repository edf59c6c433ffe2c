// Heads from features: the optimum of logistic regression (scikit-learn 1.2.1, frozen in
// tests/data/finetune), and training by steps.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/npy.h"
#include "tests/tools/checkpoint_files.h"
#include "tools/levit/finetune/head_fit.h"
#include "tools/levit/finetune/lbfgs.h"
#include "tools/levit/finetune/learning_set.h"

namespace levit::tests {
namespace {

using namespace tools;

constexpr size_t kWidth = 384, kRows = 96;

struct Golden {
  std::vector<float> features = load_npy("finetune/features.npy").values;
  std::vector<float> labels = load_npy("finetune/labels.npy").values;

  // The rows of the first `classes` classes with index % modulus in [from, to).
  LabelledRows rows(size_t classes, size_t modulus = 1, size_t from = 0, size_t to = 1) const {
    LabelledRows rows;
    rows.width = kWidth;
    for (size_t i = 0; i < kRows; ++i)
      if (static_cast<size_t>(labels[i]) < classes && i % modulus >= from && i % modulus < to)
        rows.add(&features[i * kWidth], static_cast<uint32_t>(labels[i]));
    return rows;
  }
};

HeadFit fit(const LabelledRows& training, const LabelledRows& held_out, const FitOptions& options,
            size_t threads = 1) {
  ThreadPool pool(threads);
  return fit_head(training, held_out, options, pool);
}

FitOptions options_of(Solver solver, size_t classes = 3) {
  FitOptions options;
  options.classes = classes;
  options.solver = solver;
  options.batch = 16;
  return options;
}

}  // namespace

TEST_CASE("L-BFGS ends at scikit-learn's optimum, for two classes and three, balanced or not") {
  const Golden golden;
  for (const size_t classes : {size_t{2}, size_t{3}}) {
    for (const bool balanced : {false, true}) {
      CAPTURE(classes);
      CAPTURE(balanced);
      FitOptions options = options_of(Solver::kLbfgs, classes);
      if (balanced)
        options.class_weights =
            balanced_weights(classes == 2 ? std::vector<size_t>{48, 36} : std::vector<size_t>{48, 36, 12});
      HeadFit found = fit(golden.rows(classes), {}, options);
      const std::string file = std::string("finetune/logistic_") + (classes == 2 ? "two" : "three") +
                               (balanced ? "_balanced" : "");
      CHECK(relative_l2(found.head.weight, load_npy(file + ".weight.npy").values) < 2e-5);
      // Biases are free up to a constant that all share; the file's have a mean of zero.
      float mean = 0;
      for (const float bias : found.head.bias) mean += bias / static_cast<float>(classes);
      for (float& bias : found.head.bias) bias -= mean;
      CHECK(relative_l2(found.head.bias, load_npy(file + ".bias.npy").values) < 2e-4);
    }
  }
}

TEST_CASE(
    "ten classes on collinear features: L-BFGS is at scikit-learn's optimum, AdamW's defaults no worse") {
  const std::vector<float> features[] = {load_npy("ten_classes/train.features.npy").values,
                                         load_npy("ten_classes/test.features.npy").values};
  const std::vector<float> labels[] = {load_npy("ten_classes/train.labels.npy").values,
                                       load_npy("ten_classes/test.labels.npy").values};
  const auto expected = nlohmann::json::parse(file_bytes(data_path("ten_classes/expected.json")));
  LabelledRows all, training, held_out, test;
  all.width = training.width = held_out.width = test.width = 48;
  for (size_t i = 0; i < labels[0].size(); ++i) {
    all.add(&features[0][i * 48], static_cast<uint32_t>(labels[0][i]));
    (i % 5 == 0 ? held_out : training).add(&features[0][i * 48], static_cast<uint32_t>(labels[0][i]));
  }
  for (size_t i = 0; i < labels[1].size(); ++i)
    test.add(&features[1][i * 48], static_cast<uint32_t>(labels[1][i]));
  const auto accuracy = [&test](const TrainedHead& head) {
    return static_cast<double>(score_head(head, test).correct) / static_cast<double>(test.count());
  };
  const double best = expected["accuracy"];

  const HeadFit optimum = fit(all, {}, options_of(Solver::kLbfgs, 10));
  CHECK(optimum.last_loss * 1000 == doctest::Approx(expected["objective"].get<double>()).epsilon(1e-7));
  CHECK(optimum.epochs < 200);
  CHECK(score_head(optimum.head, test).loss ==
        doctest::Approx(expected["log_loss"].get<double>()).epsilon(1e-4));
  CHECK(std::abs(accuracy(optimum.head) - best) <= 0.005);

  FitOptions defaults;
  defaults.classes = 10;
  const HeadFit stepped = fit(training, held_out, defaults);
  CHECK(stepped.whitened);
  CHECK(accuracy(stepped.head) >= best - 0.005);
  defaults.scaling = Scaling::kColumns;  // what it was before, and why it is not
  CHECK(accuracy(fit(training, held_out, defaults).head) < best - 0.02);
}

TEST_CASE("L-BFGS finds the bottom of Rosenbrock's valley") {
  const Objective rosenbrock = [](const Eigen::VectorXd& x, Eigen::VectorXd* gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    *gradient << -2 * a - 400 * x[0] * b, 200 * b;
    return a * a + 100 * b * b;
  };
  const Minimum found =
      minimise(rosenbrock, Eigen::Vector2d(-1.2, 1), 1e-9, 1000, [](size_t) { return false; });
  CHECK(found.x[0] == doctest::Approx(1).epsilon(1e-8));
  CHECK(found.x[1] == doctest::Approx(1).epsilon(1e-8));
  CHECK(found.iterations < 100);
}

TEST_CASE("the head is the same bits for any number of threads, and another for another seed") {
  const Golden golden;
  const LabelledRows training = golden.rows(3, 4, 0, 3), held_out = golden.rows(3, 4, 3, 4);
  for (const auto& [solver, scaling] :
       {std::pair(Solver::kAdamW, Scaling::kColumns), std::pair(Solver::kAdamW, Scaling::kWhitened),
        std::pair(Solver::kSgd, Scaling::kBest), std::pair(Solver::kLbfgs, Scaling::kBest)}) {
    FitOptions options = options_of(solver);
    options.scaling = scaling;
    const HeadFit one = fit(training, held_out, options, 1), three = fit(training, held_out, options, 3);
    CHECK(one.head.weight == three.head.weight);
    CHECK(one.head.bias == three.head.bias);
    options.seed = 1;
    if (solver != Solver::kLbfgs) CHECK(one.head.weight != fit(training, held_out, options).head.weight);
  }
}

TEST_CASE("training stops when the held-out loss gets no better, and keeps the best head") {
  const Golden golden;
  const LabelledRows training = golden.rows(3, 4, 0, 3), held_out = golden.rows(3, 4, 3, 4);
  FitOptions options = options_of(Solver::kAdamW);
  options.epochs = 2000;
  options.patience = 5;
  options.rate = 0.01;
  const HeadFit stopped = fit(training, held_out, options);
  CHECK(stopped.epochs < 2000);
  CHECK(stopped.epochs == stopped.best_epoch + 5);
  options.patience = 50;
  const HeadFit longer = fit(training, held_out, options);
  CHECK(longer.epochs > stopped.epochs);
  CHECK(score_head(longer.head, held_out).loss <= score_head(stopped.head, held_out).loss);
}

TEST_CASE("a rate that diverges at once leaves no head") {
  const Golden golden;
  FitOptions options = options_of(Solver::kSgd);
  options.rate = 1e200;
  options.warmup = 0;
  const HeadFit none = fit(golden.rows(3), {}, options);
  CHECK(none.diverged);
  CHECK(none.best_epoch == 0);
}

TEST_CASE("a rate that diverges late keeps the best head of the time before") {
  const Golden golden;
  const LabelledRows training = golden.rows(3, 4, 0, 3), held_out = golden.rows(3, 4, 3, 4);
  FitOptions options = options_of(Solver::kSgd);
  options.rate =
      3;  // times a decay of 1: from a rate of 2 on every step turns the head round and lets it grow
  options.weight_decay = 1;
  options.momentum = 0;
  options.warmup = 60;  // it learns before the rate is there
  options.epochs = options.patience = 2000;
  const HeadFit late = fit(training, held_out, options);
  CHECK(late.diverged);
  REQUIRE(late.best_epoch > 0);
  CHECK(late.epochs > late.best_epoch);
  CHECK(std::isfinite(score_head(late.head, held_out).loss));
}

TEST_CASE("balanced weights make every class count as much") {
  const std::vector<float> weights = balanced_weights({10, 30, 60});
  CHECK(weights[0] * 10 == doctest::Approx(100.0 / 3));
  CHECK(weights[1] * 30 == doctest::Approx(100.0 / 3));
  CHECK(weights[2] * 60 == doctest::Approx(100.0 / 3));
}

}  // namespace levit::tests
