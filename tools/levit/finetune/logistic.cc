// Features are seen along their principal directions, scaled so that loss and penalty together bend alike in
// all of them, and the penalty is scaled back: that changes the path to the optimum and not the optimum. On
// ten classes of the default model's features it takes 75 iterations, where columns of variance 1 take
// thousands.
#include "tools/levit/finetune/logistic.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/finetune/lbfgs.h"
#include "tools/levit/finetune/whitening.h"

namespace levit::tools {
namespace {

using Matrix = DoubleRows;
using Eigen::Index;
using Eigen::VectorXd;

constexpr Index kChunkRows = 512;    // of a task: sums go chunk by chunk, whatever the threads
constexpr double kTolerance = 1e-8;  // of the mean gradient: weights within some 1e-6
constexpr size_t kMostIterations = 2000;

class Logistic {
 public:
  Logistic(const LabelledRows& rows, const FitOptions& options, ThreadPool& pool)
      : options_(options),
        pool_(pool),
        labels_(rows.labels),
        directions_(principal_directions(rows, pool)),
        scale_(
            (directions_.variance.array() + 1 / (options.inverse_penalty * static_cast<double>(rows.count())))
                .rsqrt()),
        x_(along(directions_, scale_, rows, pool)) {
    chunks_.resize(static_cast<size_t>((x_.rows() + kChunkRows - 1) / kChunkRows));
  }

  Index size() const { return classes() * (x_.cols() + 1); }

  // x: scaled weights [classes][features], then biases. Divided by C, so that losses count as they are.
  double operator()(const VectorXd& x, VectorXd* gradient) {
    parameters_ = &x;
    pool_.run(
        chunks_.size(), [](void* self, size_t chunk, size_t) { static_cast<Logistic*>(self)->add(chunk); },
        this);
    double value = 0;
    gradient->setZero();
    for (const Chunk& chunk : chunks_) {
      value += chunk.loss;
      *gradient += chunk.gradient;
    }
    // Two classes that share one vector w have -w / 2 and w / 2: |w|^2 is twice the sum of their squares.
    const double penalty = (classes() == 2 ? 2 : 1) / options_.inverse_penalty;
    for (Index k = 0; k < classes(); ++k) {
      const auto weight = (x.segment(k * x_.cols(), x_.cols()).array() * scale_.array()).eval();
      value += penalty / 2 * weight.square().sum();
      gradient->segment(k * x_.cols(), x_.cols()).array() += penalty * weight * scale_.array();
    }
    return value;
  }

  // The head for features as they come.
  TrainedHead head(const VectorXd& x) const {
    return head_of_directions(directions_, scale_, Eigen::Map<const Matrix>(x.data(), classes(), x_.cols()),
                              x.tail(classes()));
  }

 private:
  struct Chunk {
    double loss;
    VectorXd gradient;
  };

  Index classes() const { return static_cast<Index>(options_.classes); }
  double weight_of(uint32_t label) const {
    return options_.class_weights.empty() ? 1 : static_cast<double>(options_.class_weights[label]);
  }

  // Loss and gradient of the rows of one chunk.
  void add(size_t chunk) {
    const Index first = static_cast<Index>(chunk) * kChunkRows,
                rows = std::min(kChunkRows, x_.rows() - first);
    const Eigen::Map<const Matrix> weight(parameters_->data(), classes(), x_.cols());
    const auto bias = parameters_->tail(classes());
    const auto x = x_.middleRows(first, rows);
    Matrix z = x * weight.transpose();
    double loss = 0;
    for (Index i = 0; i < rows; ++i) {
      const uint32_t label = labels_[static_cast<size_t>(first + i)];
      auto row = z.row(i);
      row += bias.transpose();
      row.array() -= row.maxCoeff();
      const double own = row[static_cast<Index>(label)], sum = row.array().exp().sum();
      loss += weight_of(label) * (std::log(sum) - own);
      row = weight_of(label) / sum * row.array().exp();
      row[static_cast<Index>(label)] -= weight_of(label);
    }
    chunks_[chunk].loss = loss;
    chunks_[chunk].gradient.resize(size());
    Eigen::Map<Matrix>(chunks_[chunk].gradient.data(), classes(), x_.cols()).noalias() = z.transpose() * x;
    chunks_[chunk].gradient.tail(classes()) = z.colwise().sum();
  }

  const FitOptions& options_;
  ThreadPool& pool_;
  const std::vector<uint32_t>& labels_;
  Directions directions_;
  VectorXd scale_;
  Matrix x_;
  const VectorXd* parameters_ = nullptr;
  std::vector<Chunk> chunks_;
};

}  // namespace

HeadFit fit_logistic(const LabelledRows& rows, const FitOptions& options, ThreadPool& pool) {
  Logistic logistic(rows, options, pool);
  Progress progress(kMostIterations, "iterations at most");
  const auto stop = [&progress](size_t done) {
    progress.update(done);
    return interrupted();
  };
  const auto objective = [&logistic](const VectorXd& x, VectorXd* gradient) { return logistic(x, gradient); };
  const double tolerance = kTolerance * static_cast<double>(rows.count());
  const Minimum minimum =
      minimise(objective, VectorXd::Zero(logistic.size()), tolerance, kMostIterations, stop);
  HeadFit fit;
  fit.head = logistic.head(minimum.x);
  fit.epochs = fit.best_epoch = minimum.iterations;
  fit.first_loss = std::log(static_cast<double>(options.classes));
  fit.last_loss = minimum.value / static_cast<double>(rows.count());
  fit.interrupted = interrupted();
  return fit;
}

}  // namespace levit::tools
