// Features seen along the directions in which they vary. Those of a trained backbone are nearly collinear (of
// the default model's 384 the first direction has 90 % of the variance, the last ones 1e-12 of it): what
// tells other classes apart than its own is faint, and a step of one size for every feature never gets there.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_WHITENING_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_WHITENING_H_

#include <Eigen/Core>
#include <vector>

#include "tools/common/thread_pool.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

using DoubleRows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Principal directions of some rows: covariance = vectors diag(variance) vectors^T.
struct Directions {
  Eigen::VectorXd mean;
  Eigen::MatrixXd vectors;   // a column each
  Eigen::VectorXd variance;  // at least 0, ascending
};
Directions principal_directions(const LabelledRows& rows, ThreadPool& pool);

// (x - mean) along the directions, each times its scale: double [rows][width]. The same bits for any threads.
DoubleRows along(const Directions& directions, const Eigen::VectorXd& scale, const LabelledRows& rows,
                 ThreadPool& pool);

// The head for features as they come from weights [classes][width] and biases for what along() gives.
TrainedHead head_of_directions(const Directions& directions, const Eigen::VectorXd& scale,
                               const DoubleRows& weight, const Eigen::VectorXd& bias);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_WHITENING_H_
