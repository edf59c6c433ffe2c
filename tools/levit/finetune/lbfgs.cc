#include "tools/levit/finetune/lbfgs.h"

#include <cmath>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

namespace levit::tools {
namespace {

using Eigen::VectorXd;

constexpr size_t kPairs = 20;
constexpr double kSufficientDecrease = 1e-4, kCurvature = 0.9;
constexpr int kTrials = 60;  // of a line search: then it is at the last bits

struct Pair {
  VectorXd step, change;  // of x and of the gradient
  double inverse;         // 1 / (step . change)
};

// The direction -H g.
VectorXd direction_of(const std::deque<Pair>& pairs, const VectorXd& gradient) {
  VectorXd d = -gradient;
  std::vector<double> alpha(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].inverse * pairs[i].step.dot(d);
    d -= alpha[i] * pairs[i].change;
  }
  if (!pairs.empty()) d /= pairs.back().inverse * pairs.back().change.squaredNorm();
  for (size_t i = 0; i < pairs.size(); ++i)
    d += (alpha[i] - pairs[i].inverse * pairs[i].change.dot(d)) * pairs[i].step;
  return d;
}

struct Point {
  VectorXd x, gradient;
  double value;
};

// A point along d that meets the weak Wolfe conditions; false when rounding leaves none.
bool search(const Objective& objective, const Point& from, const VectorXd& d, double first, Point* to) {
  const double slope = from.gradient.dot(d);
  if (!(slope < 0)) return false;
  double low = 0, high = std::numeric_limits<double>::infinity(), t = first;
  for (int trial = 0; trial < kTrials; ++trial) {
    to->x = from.x + t * d;
    to->value = objective(to->x, &to->gradient);
    if (!(to->value <= from.value + kSufficientDecrease * t * slope)) {
      high = t;
    } else if (to->gradient.dot(d) < kCurvature * slope) {
      low = t;
    } else {
      return true;
    }
    t = std::isinf(high) ? 2 * low : (low + high) / 2;
  }
  return false;
}

}  // namespace

Minimum minimise(const Objective& objective, VectorXd start, double tolerance, size_t iterations,
                 const std::function<bool(size_t)>& stop) {
  Point here{std::move(start), {}, 0}, next;
  here.gradient.resize(here.x.size());
  next.gradient.resize(here.x.size());
  here.value = objective(here.x, &here.gradient);
  std::deque<Pair> pairs;
  size_t done = 0;
  for (; done < iterations && here.gradient.lpNorm<Eigen::Infinity>() > tolerance && !stop(done); ++done) {
    const double first = pairs.empty() ? 1 / here.gradient.norm() : 1;
    if (!search(objective, here, direction_of(pairs, here.gradient), first, &next)) {
      if (pairs.empty()) break;
      pairs.clear();  // once more from the steepest descent
      continue;
    }
    Pair pair{next.x - here.x, next.gradient - here.gradient, 0};
    const double product = pair.step.dot(pair.change);
    std::swap(here, next);
    if (!(product > 0)) continue;
    pair.inverse = 1 / product;
    pairs.push_back(std::move(pair));
    if (pairs.size() > kPairs) pairs.pop_front();
  }
  return {here.x, here.value, here.gradient.lpNorm<Eigen::Infinity>(), done};
}

}  // namespace levit::tools
