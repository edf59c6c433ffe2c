#include "tools/levit/finetune/head_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "levit.hpp"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/finetune/logistic.h"
#include "tools/levit/finetune/whitening.h"

namespace levit::tools {
namespace {

constexpr double kHopeless = 1e4;  // a loss beyond it is divergence: chance is ln(classes)

levit_head_options trainer_options(const FitOptions& options, size_t width) {
  levit_head_options to = levit_default_head_options(width, options.classes);
  const bool sgd = options.solver == Solver::kSgd;
  to.optimizer = sgd ? LEVIT_SGD : LEVIT_ADAMW;
  to.weight_decay = options.weight_decay >= 0 ? options.weight_decay : (sgd ? 1e-4 : 0.05);
  to.momentum = options.momentum;
  to.label_smoothing = options.label_smoothing;
  to.class_weights = options.class_weights.empty() ? nullptr : options.class_weights.data();
  return to;
}

// levit_head_trainer in memory of its own.
class Trainer {
 public:
  explicit Trainer(const levit_head_options& options) : options_(options), memory_(bytes_of(options)) {
    check(levit_head_create(&options, memory_.data(), memory_.bytes(), &trainer_));
  }
  operator levit_head_trainer*() { return trainer_; }

  void set(const TrainedHead& head) { check(levit_head_set(trainer_, head.weight.data(), head.bias.data())); }

  // False when it is not finite.
  bool get(TrainedHead* head) const {
    head->weight.resize(options_.classes * options_.features);
    head->bias.resize(options_.classes);
    return levit_head_get(trainer_, head->weight.data(), head->bias.data()) == LEVIT_OK;
  }

 private:
  static size_t bytes_of(const levit_head_options& options) {
    size_t bytes = 0;
    check(levit_head_bytes(&options, &bytes));
    return bytes;
  }
  levit_head_options options_;
  Memory memory_;
  levit_head_trainer* trainer_ = nullptr;
};

// Some rows, one behind the other.
struct Batch {
  std::vector<float> features;
  std::vector<uint32_t> labels;

  void gather(const LabelledRows& from, const uint32_t* order, size_t count) {
    features.clear();
    labels.clear();
    for (size_t i = 0; i < count; ++i) {
      const float* const row = from.rows[order[i]];
      features.insert(features.end(), row, row + from.width);
      labels.push_back(from.labels[order[i]]);
    }
  }
};

class Fit {
 public:
  Fit(const LabelledRows& training, const LabelledRows& held_out, const FitOptions& options,
      bool scale_columns)
      : training_(training),
        held_out_(held_out),
        options_(options),
        trainer_(scale_columns ? scaled_options() : trainer_options(options, training.width)),
        order_(training.count()),
        epoch_steps_((training.count() + options.batch - 1) / options.batch) {}

  HeadFit run() {
    fit_.first_loss = std::log(static_cast<double>(options_.classes));
    Progress progress(options_.epochs, "epochs");
    for (size_t epoch = 0; epoch < options_.epochs; ++epoch) {
      if (interrupted()) {
        fit_.interrupted = true;
        break;
      }
      TrainedHead head;
      if (!run_epoch(epoch) || !trainer_.get(&head)) {
        fit_.diverged = true;
        break;
      }
      fit_.epochs = epoch + 1;
      keep_if_better(std::move(head));
      progress.update(epoch + 1);
      if (held_out_.count() > 0 && fit_.epochs - fit_.best_epoch >= options_.patience) break;
    }
    // A loss counts from before its step: one step alone has that of a head that knows nothing.
    const bool learned = least_training_ <= fit_.first_loss * (1 + 1e-9);
    if (!learned && !fit_.interrupted) fit_.diverged = true;
    if (!learned) fit_.best_epoch = 0;
    fit_.held_out_loss = least_;
    return std::move(fit_);
  }

 private:
  // Of all training rows, so that one rate serves any backbone.
  levit_head_options scaled_options() {
    std::vector<uint32_t> all(training_.count());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
    Batch rows;
    rows.gather(training_, all.data(), all.size());
    mean_.resize(training_.width);
    scale_.resize(training_.width);
    check(
        levit_feature_scale(rows.features.data(), all.size(), training_.width, mean_.data(), scale_.data()));
    levit_head_options options = trainer_options(options_, training_.width);
    options.mean = mean_.data();
    options.scale = scale_.data();
    return options;
  }

  // False when it diverges.
  bool run_epoch(size_t epoch) {
    levit_shuffle(options_.seed + static_cast<uint32_t>(epoch), training_.count(), order_.data());
    const size_t steps = epoch_steps_ * options_.epochs;
    const double base = options_.rate > 0 ? options_.rate : default_rate(options_.solver);
    double sum = 0;
    for (size_t i = 0; i < epoch_steps_; ++i) {
      const size_t first = i * options_.batch, count = std::min(options_.batch, training_.count() - first);
      batch_.gather(training_, &order_[first], count);
      double loss = 0;
      levit_status status =
          levit_head_gradient(trainer_, batch_.features.data(), batch_.labels.data(), count, &loss, nullptr);
      if (status == LEVIT_OK)
        status = levit_head_step(
            trainer_, epoch_rate(base, options_.warmup, epoch_steps_, epoch * epoch_steps_ + i, steps));
      if (status == LEVIT_DIVERGED) return false;
      check(status);
      sum += loss * static_cast<double>(count);
    }
    fit_.last_loss = sum / static_cast<double>(training_.count());
    return fit_.last_loss < kHopeless;
  }

  // Without held-out rows the last head is the best, as long as it learns.
  void keep_if_better(TrainedHead head) {
    double loss = fit_.last_loss;
    least_training_ = std::min(least_training_, loss);
    if (held_out_.count() > 0) {
      loss = score_head(head, held_out_).loss;
      if (loss >= least_) return;
    }
    least_ = loss;
    fit_.head = std::move(head);
    fit_.best_epoch = fit_.epochs;
  }

  const LabelledRows& training_;
  const LabelledRows& held_out_;
  const FitOptions& options_;
  std::vector<float> mean_, scale_;
  Trainer trainer_;
  Batch batch_;
  std::vector<uint32_t> order_;
  size_t epoch_steps_;
  double least_ = std::numeric_limits<double>::infinity();           // what decides on the best epoch
  double least_training_ = std::numeric_limits<double>::infinity();  // training loss of an epoch
  HeadFit fit_;
};

// Rows that were made here.
struct OwnRows {
  std::vector<float> values;
  LabelledRows rows;

  OwnRows(const DoubleRows& from, const std::vector<uint32_t>& labels)
      : values(from.data(), from.data() + from.size()) {
    rows.width = static_cast<size_t>(from.cols());
    for (size_t i = 0; i < labels.size(); ++i) rows.add(&values[i * rows.width], labels[i]);
  }
};

// Directions of unit variance, but for those that are so faint that the penalty of logistic regression with
// C = 1 would hold them down: they stay faint (Tikhonov's filter), for what they tell is chance or rounding.
HeadFit fit_whitened(const LabelledRows& training, const LabelledRows& held_out, const FitOptions& options,
                     ThreadPool& pool) {
  const Directions directions = principal_directions(training, pool);
  const double faint = 1 / static_cast<double>(training.count());
  const Eigen::VectorXd scale = directions.variance.array().sqrt() / (directions.variance.array() + faint);
  const OwnRows own(along(directions, scale, training, pool), training.labels),
      own_held(along(directions, scale, held_out, pool), held_out.labels);
  HeadFit fit = Fit(own.rows, own_held.rows, options, false).run();
  fit.whitened = true;
  if (fit.best_epoch == 0) return fit;
  const auto classes = static_cast<Eigen::Index>(options.classes);
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const DoubleRows weight =
      Eigen::Map<const Floats>(fit.head.weight.data(), classes, scale.size()).cast<double>();
  const Eigen::VectorXd bias =
      Eigen::Map<const Eigen::VectorXf>(fit.head.bias.data(), classes).cast<double>();
  fit.head = head_of_directions(directions, scale, weight, bias);
  return fit;
}

}  // namespace

double default_rate(Solver solver) {
  return solver == Solver::kSgd ? 0.01 : 1e-3;
}

double epoch_rate(double peak, double warmup_epochs, size_t epoch_steps, size_t step, size_t steps) {
  const double warmup =
      std::min(warmup_epochs * static_cast<double>(epoch_steps), static_cast<double>(steps));
  return levit_cosine_rate(peak, step, static_cast<size_t>(warmup), steps);
}

HeadScore score_head(const TrainedHead& head, const LabelledRows& rows) {
  constexpr size_t kAtOnce = 256;
  FitOptions plain;
  plain.classes = head.bias.size();
  Trainer trainer(trainer_options(plain, rows.width));
  trainer.set(head);
  HeadScore score;
  Batch batch;
  std::vector<uint32_t> order(kAtOnce);
  for (size_t first = 0; first < rows.count(); first += kAtOnce) {
    const size_t count = std::min(kAtOnce, rows.count() - first);
    for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(first + i);
    batch.gather(rows, order.data(), count);
    double loss = 0;
    size_t correct = 0;
    check(levit_head_loss(trainer, batch.features.data(), batch.labels.data(), count, &loss, &correct));
    score.loss += loss * static_cast<double>(count);
    score.correct += correct;
  }
  score.count = rows.count();
  if (score.count > 0) score.loss /= static_cast<double>(score.count);
  return score;
}

HeadFit fit_head(const LabelledRows& training, const LabelledRows& held_out, const FitOptions& options,
                 ThreadPool& pool) {
  if (options.solver == Solver::kLbfgs) return fit_logistic(training, options, pool);
  if (options.scaling == Scaling::kWhitened) return fit_whitened(training, held_out, options, pool);
  HeadFit columns = Fit(training, held_out, options, true).run();
  const bool alone = options.scaling == Scaling::kColumns || held_out.count() == 0;
  if (alone || columns.diverged || columns.interrupted) return columns;
  HeadFit whitened = fit_whitened(training, held_out, options, pool);
  columns.interrupted = whitened.interrupted;
  const bool better =
      whitened.best_epoch > 0 && !whitened.diverged && whitened.held_out_loss < columns.held_out_loss;
  return better ? whitened : columns;
}

}  // namespace levit::tools
