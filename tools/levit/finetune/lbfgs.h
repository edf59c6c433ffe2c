// Limited-memory BFGS (Nocedal 1980; two loops, Nocedal and Wright, algorithm 7.4) with a line search by
// bisection for the weak Wolfe conditions (Lewis and Overton 2013).
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_LBFGS_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_LBFGS_H_

#include <Eigen/Core>
#include <functional>

namespace levit::tools {

struct Minimum {
  Eigen::VectorXd x;
  double value = 0;
  double gradient = 0;  // largest magnitude of its gradient's elements
  size_t iterations = 0;
};

// The value at x, and its gradient to *gradient (of x's size).
using Objective = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd* gradient)>;

// Goes down from `start` until no element of the gradient is larger than `tolerance`, the value falls no
// more, or `stop` says so.
Minimum minimise(const Objective& objective, Eigen::VectorXd start, double tolerance, size_t iterations,
                 const std::function<bool(size_t)>& stop);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_LBFGS_H_
