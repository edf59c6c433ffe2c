#include "tools/levit/finetune/whitening.h"

#include <Eigen/Eigenvalues>
#include <algorithm>

namespace levit::tools {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kChunkRows = 512;  // of a task: sums go chunk by chunk, whatever the threads

// Calls what(chunk, first row, rows) for all chunks of so many rows, on all threads.
template <typename What>
void for_chunks(size_t count, ThreadPool& pool, What what) {
  struct Work {
    What* what;
    Index rows;
  } work = {&what, static_cast<Index>(count)};
  const auto task = [](void* context, size_t chunk, size_t) {
    const Work& own = *static_cast<Work*>(context);
    const Index first = static_cast<Index>(chunk) * kChunkRows;
    (*own.what)(chunk, first, std::min(kChunkRows, own.rows - first));
  };
  pool.run((count + static_cast<size_t>(kChunkRows) - 1) / static_cast<size_t>(kChunkRows), task, &work);
}

// Rows in double, less a mean.
DoubleRows centred(const LabelledRows& rows, Index first, Index count, const VectorXd& mean) {
  DoubleRows x(count, mean.size());
  for (Index i = 0; i < count; ++i)
    x.row(i) = Eigen::Map<const Eigen::RowVectorXf>(rows.rows[static_cast<size_t>(first + i)], mean.size())
                   .cast<double>() -
               mean.transpose();
  return x;
}

}  // namespace

Directions principal_directions(const LabelledRows& rows, ThreadPool& pool) {
  const auto width = static_cast<Index>(rows.width);
  const auto count = static_cast<double>(rows.count());
  Directions found;
  found.mean = VectorXd::Zero(width);
  for (const float* row : rows.rows)
    found.mean += Eigen::Map<const Eigen::VectorXf>(row, width).cast<double>() / count;
  // Some chunks at a time, so that memory does not grow with the rows.
  const size_t at_once = std::max<size_t>(1, pool.threads());
  MatrixXd covariance = MatrixXd::Zero(width, width);
  std::vector<MatrixXd> products(at_once);
  for (size_t begin = 0; begin < rows.count(); begin += at_once * kChunkRows) {
    LabelledRows some;
    some.width = rows.width;
    const size_t end = std::min(rows.count(), begin + at_once * kChunkRows);
    some.rows.assign(rows.rows.begin() + static_cast<long>(begin),
                     rows.rows.begin() + static_cast<long>(end));
    for_chunks(some.rows.size(), pool, [&](size_t chunk, Index first, Index size) {
      const DoubleRows x = centred(some, first, size, found.mean);
      products[chunk].setZero(width, width);
      products[chunk].selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
    });
    for (size_t chunk = 0; chunk * kChunkRows < some.rows.size(); ++chunk) covariance += products[chunk];
  }
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solved(covariance / count);  // reads the lower triangle
  found.vectors = solved.eigenvectors();
  found.variance = solved.eigenvalues().cwiseMax(0);
  return found;
}

DoubleRows along(const Directions& directions, const VectorXd& scale, const LabelledRows& rows,
                 ThreadPool& pool) {
  const MatrixXd scaled = directions.vectors * scale.asDiagonal();
  DoubleRows result(static_cast<Index>(rows.count()), scale.size());
  for_chunks(rows.count(), pool, [&](size_t, Index first, Index size) {
    result.middleRows(first, size).noalias() = centred(rows, first, size, directions.mean) * scaled;
  });
  return result;
}

TrainedHead head_of_directions(const Directions& directions, const VectorXd& scale, const DoubleRows& weight,
                               const VectorXd& bias) {
  TrainedHead head;
  for (Index k = 0; k < weight.rows(); ++k) {
    const VectorXd own = directions.vectors * weight.row(k).transpose().cwiseProduct(scale);
    for (Index j = 0; j < own.size(); ++j) head.weight.push_back(static_cast<float>(own[j]));
    head.bias.push_back(static_cast<float>(bias[k] - own.dot(directions.mean)));
  }
  return head;
}

}  // namespace levit::tools
