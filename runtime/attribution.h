// What expected and integrated gradients share: gradients at many points of the input space, summed in
// float64.
#ifndef LEVIT_RUNTIME_ATTRIBUTION_H_
#define LEVIT_RUNTIME_ATTRIBUTION_H_

#include "runtime/context.h"
#include "runtime/sized.h"

namespace levit::runtime {

struct Attribution {
  const levit_context& context;
  const float* tensor;     // the picture explained, [3, side, side]
  const float* direction;  // [classes]
  size_t total;            // pictures to pass in all, for the progress
  size_t done = 0;
  levit_attribution numbers{};

  size_t pixels() const;
  size_t batch() const { return context.plan.options.batch; }
  double* sums() const { return reinterpret_cast<double*>(context.at(context.plan.sums)); }
  double* squares() const { return reinterpret_cast<double*>(context.at(context.plan.squares)); }
  float* point(size_t i) const { return context.at(context.plan.points) + i * pixels(); }
  const float* gradient(size_t i) const { return context.at(context.plan.d_points) + i * pixels(); }
};

// The checks that both share.
levit_status check_attribution(const levit_context* context, const float* tensor, const float* direction,
                               const float* values, const levit_attribution* attribution);

// Clears the sums and repeats the direction for every picture of a pass.
void begin_attribution(const Attribution& run);

// direction . logits of each of `count` pictures; pictures: the points, or another batch of tensors. Adds to
// *sum.
levit_status add_scores(Attribution& run, const float* pictures, size_t count, double* sum);

// Gradients of the score at the first `count` points.
levit_status point_gradients(Attribution& run, size_t count);

// Tells the progress; LEVIT_CANCELLED when the caller wants no more.
levit_status report_progress(const Attribution& run);

// Adds sample[p] = gradient[p] * (tensor[p] - reference[p]) to the sums (reference null: zeros) and, where
// asked, its square to the squares. Returns the sum of the sample, the same for any number of workers.
double add_sample(const Attribution& run, const float* gradient, const float* reference, bool squares);

// values = sums / samples as float32; and, unless null, the numbers about them.
levit_status finish_attribution(Attribution& run, size_t samples, double standard_error, float* values,
                                levit_attribution* attribution);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_ATTRIBUTION_H_
