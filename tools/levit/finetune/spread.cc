#include "tools/levit/finetune/spread.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

namespace levit::tools {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr size_t kFolds = 5;
constexpr Index kChunkRows = 512;         // that are widened to double at once
constexpr double kLeastShrinkage = 1e-3;  // a direction without variance weighs no more than 30 times another

// Sums over some rows, from which mean and covariance of any union of folds follow.
struct Sums {
  MatrixXd products;  // sum of x x^T, the lower triangle
  MatrixXd of_class;  // [width][means]: sum of x
  VectorXd count;     // [means]

  Sums(Index width, Index means)
      : products(MatrixXd::Zero(width, width)),
        of_class(MatrixXd::Zero(width, means)),
        count(VectorXd::Zero(means)) {}
  void add(const Sums& other) {
    products += other.products;
    of_class += other.of_class;
    count += other.count;
  }
};

// Class means and the whitening of what is around them.
struct Whitened {
  MatrixXd mean;    // [width][means], of the classes that occur
  VectorXd scale;   // standard deviation of each feature within a class
  MatrixXd factor;  // L of the shrunk correlation matrix L L^T

  Whitened(const Sums& sums, double total) {
    const Index width = sums.products.rows();
    std::vector<Index> occurring;
    for (Index k = 0; k < sums.count.size(); ++k)
      if (sums.count[k] > 0) occurring.push_back(k);
    mean.resize(width, static_cast<Index>(occurring.size()));
    MatrixXd covariance = sums.products;
    for (size_t i = 0; i < occurring.size(); ++i) {
      const Index k = occurring[i];
      mean.col(static_cast<Index>(i)) = sums.of_class.col(k) / sums.count[k];
      covariance.selfadjointView<Eigen::Lower>().rankUpdate(mean.col(static_cast<Index>(i)), -sums.count[k]);
    }
    covariance = MatrixXd(covariance.selfadjointView<Eigen::Lower>()) / total;
    scale = covariance.diagonal().cwiseMax(0).cwiseSqrt();
    for (Index j = 0; j < width; ++j)
      if (!(scale[j] > 1e-12)) scale[j] = 1;  // it does not vary
    const VectorXd inverse = scale.cwiseInverse();
    MatrixXd correlation = inverse.asDiagonal() * covariance * inverse.asDiagonal();
    correlation.diagonal().setOnes();
    const double rho = shrinkage(correlation, total);
    correlation *= 1 - rho;
    correlation.diagonal().setOnes();
    factor = correlation.llt().matrixL();
  }

  static double shrinkage(const MatrixXd& s, double n) {
    const auto p = static_cast<double>(s.rows());
    const double squares = s.squaredNorm(), trace2 = p * p;
    const double above = (1 - 2 / p) * squares + trace2, below = (n + 1 - 2 / p) * (squares - trace2 / p);
    return below > 0 ? std::clamp(above / below, kLeastShrinkage, 1.0) : 1;
  }

  // Columns in the coordinates in which the shared covariance is the unit matrix.
  MatrixXd coordinates(const MatrixXd& columns) const {
    MatrixXd scaled = scale.cwiseInverse().asDiagonal() * columns;
    factor.triangularView<Eigen::Lower>().solveInPlace(scaled);
    return scaled;
  }
};

class Fit {
 public:
  Fit(const LabelledRows& rows, const std::vector<uint64_t>& content, size_t classes, ThreadPool& pool)
      : rows_(rows), means_(classes > kMostMeans ? 1 : classes), pool_(pool), members_(kFolds) {
    centre_ = VectorXd::Zero(width());
    for (size_t i = 0; i < rows.count(); ++i) {
      centre_ += column(i);
      members_[content[i] % kFolds].push_back(i);
    }
    centre_ /= static_cast<double>(rows.count());
    for (const std::vector<size_t>& members : members_)
      if (members.size() == rows.count())
        throw std::runtime_error("familiarity needs more different pictures");
  }

  Spread spread() {
    sums_.assign(kFolds, Sums(width(), static_cast<Index>(means_)));
    distances_.resize(kFolds);
    for_folds([this](size_t fold) { add(fold); });
    for_folds([this](size_t fold) { measure(fold); });
    const Whitened whitened(all_but(kFolds), static_cast<double>(rows_.count()));
    Spread spread;
    spread.means = static_cast<size_t>(whitened.mean.cols());
    const MatrixXd w = whitened.coordinates(MatrixXd::Identity(width(), width()));
    for (Index i = 0; i < width(); ++i)
      for (Index j = 0; j < width(); ++j) spread.whitening.push_back(static_cast<float>(w(i, j)));
    for (Index m = 0; m < whitened.mean.cols(); ++m)
      for (Index j = 0; j < width(); ++j)
        spread.mean.push_back(static_cast<float>(whitened.mean(j, m) + centre_[j]));
    spread.quantile = quantiles();
    return spread;
  }

 private:
  Index width() const { return static_cast<Index>(rows_.width); }
  VectorXd column(size_t row) const {
    return Eigen::Map<const Eigen::VectorXf>(rows_.rows[row], width()).cast<double>();
  }

  void for_folds(const std::function<void(size_t)>& work) {
    struct Task {
      const std::function<void(size_t)>& work;
    } task{work};
    pool_.run(
        kFolds, [](void* self, size_t fold, size_t) { static_cast<Task*>(self)->work(fold); }, &task);
  }

  // Calls take(columns, first) for the members of a fold, some at a time: centred, [width][some].
  void for_chunks(size_t fold, const std::function<void(const MatrixXd&, size_t)>& take) const {
    const std::vector<size_t>& members = members_[fold];
    for (size_t first = 0; first < members.size(); first += kChunkRows) {
      const Index count = std::min(kChunkRows, static_cast<Index>(members.size() - first));
      MatrixXd columns(width(), count);
      for (Index i = 0; i < count; ++i)
        columns.col(i) = column(members[first + static_cast<size_t>(i)]) - centre_;
      take(columns, first);
    }
  }

  void add(size_t fold) {
    for_chunks(fold, [&](const MatrixXd& columns, size_t first) {
      Sums& sums = sums_[fold];
      sums.products.selfadjointView<Eigen::Lower>().rankUpdate(columns);
      for (Index i = 0; i < columns.cols(); ++i) {
        const uint32_t label = rows_.labels[members_[fold][first + static_cast<size_t>(i)]];
        const Index k = means_ == 1 ? 0 : static_cast<Index>(label);
        sums.of_class.col(k) += columns.col(i);
        ++sums.count[k];
      }
    });
  }

  Sums all_but(size_t left_out) const {
    Sums sums(width(), static_cast<Index>(means_));
    for (size_t fold = 0; fold < kFolds; ++fold)
      if (fold != left_out) sums.add(sums_[fold]);
    return sums;
  }

  // Distances of the rows of a fold to what the other folds give.
  void measure(size_t fold) {
    const auto others = static_cast<double>(rows_.count() - members_[fold].size());
    const Whitened whitened(all_but(fold), others);
    const MatrixXd means = whitened.coordinates(whitened.mean);
    for_chunks(fold, [&](const MatrixXd& columns, size_t) {
      const MatrixXd here = whitened.coordinates(columns);
      for (Index i = 0; i < here.cols(); ++i) {
        double least = std::numeric_limits<double>::infinity();
        for (Index m = 0; m < means.cols(); ++m)
          least = std::min(least, (here.col(i) - means.col(m)).squaredNorm());
        distances_[fold].push_back(std::sqrt(least));
      }
    });
  }

  // As NumPy's quantile() interpolates.
  std::vector<float> quantiles() const {
    std::vector<double> all;
    for (const std::vector<double>& some : distances_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    std::vector<float> values;
    for (size_t q = 0; q < LEVIT_QUANTILES; ++q) {
      const double place =
          static_cast<double>(q * (all.size() - 1)) / static_cast<double>(LEVIT_QUANTILES - 1);
      const auto below = static_cast<size_t>(place), above = std::min(below + 1, all.size() - 1);
      const double part = place - static_cast<double>(below);
      values.push_back(static_cast<float>(all[below] + part * (all[above] - all[below])));
    }
    return values;
  }

  const LabelledRows& rows_;
  size_t means_;
  ThreadPool& pool_;
  std::vector<std::vector<size_t>> members_;  // rows of each fold
  VectorXd centre_;                           // subtracted first, so that sums of squares lose no digits
  std::vector<Sums> sums_;
  std::vector<std::vector<double>> distances_;
};

}  // namespace

levit_training_spread Spread::options() const {
  return {sizeof(levit_training_spread), whitening.data(), mean.data(), means, quantile.data()};
}

Spread fit_spread(const LabelledRows& rows, const std::vector<uint64_t>& content, size_t classes,
                  ThreadPool& pool) {
  if (rows.count() < kLeastSpreadRows)
    throw std::runtime_error("familiarity needs " + std::to_string(kLeastSpreadRows) +
                             " pictures to learn from, and there are " + std::to_string(rows.count()));
  return Fit(rows, content, classes, pool).spread();
}

}  // namespace levit::tools
