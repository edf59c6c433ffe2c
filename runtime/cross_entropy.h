// Cross-entropy of a row of logits, for the head alone and for the whole network: levit_head_loss has the
// formula.
#ifndef LEVIT_RUNTIME_CROSS_ENTROPY_H_
#define LEVIT_RUNTIME_CROSS_ENTROPY_H_

#include <cstddef>

#include "runtime/elementary.h"

namespace levit::runtime {

inline bool is_finite(double x) {
  return x - x == 0;
}

inline bool is_share(double x) {
  return x >= 0 && x < 1;
}

inline size_t largest(const double* values, size_t count) {
  size_t best = 0;
  for (size_t k = 1; k < count; ++k)
    if (values[k] > values[best]) best = k;
  return best;
}

struct CrossEntropy {
  size_t classes;
  double label_smoothing;
  const double* class_weights;  // [classes]
};

// The loss of one row from its logits z [classes], which become its derivatives; `scale`: 1 / sum of
// c[label].
inline double cross_entropy(const CrossEntropy& of, size_t label, double scale, double* z) {
  const size_t classes = of.classes;
  const double smooth = of.label_smoothing, share = smooth / static_cast<double>(classes);
  const double top = z[largest(z, classes)];
  double sum = 0, targets = 0, loss = 0;
  for (size_t k = 0; k < classes; ++k) sum += exp_of(z[k] - top);
  const double log_sum = is_finite(sum) ? log_of(sum) : sum;
  const auto target = [&](size_t k) { return of.class_weights[k] * (share + (k == label ? 1 - smooth : 0)); };
  for (size_t k = 0; k < classes; ++k) {
    targets += target(k);
    loss -= target(k) * (z[k] - top - log_sum);
  }
  for (size_t k = 0; k < classes; ++k) z[k] = (exp_of(z[k] - top) / sum * targets - target(k)) * scale;
  return loss * scale;
}

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_CROSS_ENTROPY_H_
