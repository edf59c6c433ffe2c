// A context: network, plan, kernels and workers over one arena; and the checks of what comes into it.
#ifndef LEVIT_RUNTIME_CONTEXT_H_
#define LEVIT_RUNTIME_CONTEXT_H_

#include "kernels/contract.h"
#include "kernels/dispatch.h"
#include "runtime/levit.h"
#include "runtime/observer.h"
#include "runtime/parallel.h"
#include "runtime/plan.h"

struct levit_context {
  levit::runtime::Network network;
  levit::runtime::Plan plan;
  const levit::runtime::Plan* replica_plan;  // of one replica; null without
  const levit::kernels::Dispatch* kernels;
  levit::runtime::Workers workers;
  levit_progress progress;
  void* progress_context;
  const levit::runtime::Observer* observer;
  float* workspace;

  // Buffer of a block of its group, from a picture of the batch on.
  float* at(const levit::runtime::Slot& slot, size_t block = 0, size_t picture = 0) const {
    const size_t at = slot.offset + (block * plan.options.shared() + picture) * slot.picture_stride;
    levit::kernels::require(at <= plan.floats, "a buffer lies in the workspace");
    return workspace + at;
  }
};

namespace levit::runtime {

// The kernels of a context; null: the best of this processor.
inline const kernels::Dispatch& dispatch_of(const levit_context* context) {
  return context != nullptr ? *context->kernels : *kernels::find_target(nullptr);
}

inline const weights::Config& config_of(const levit_context& context) {
  return context.network.view.config;
}

// The stage at whose resolution a layer's tokens are; not for LEVIT_INPUT.
inline size_t stage_of(levit_layer layer) {
  return layer == LEVIT_STEM ? 0 : static_cast<size_t>(layer - LEVIT_STAGE0);
}

// What the operations of one step of the plan run with.
struct Step {
  const levit_context& context;
  size_t index;

  const kernels::Dispatch& kernels() const { return *context.kernels; }
  const Workers& workers() const { return context.workers; }
  float* scratch(size_t worker) const { return context.at(context.plan.scratch[index], 0, worker); }
};

// The plan of a context with these options, and its buffers; with replicas those of one.
levit_status list_plan(const levit_model* model, const levit_options* options, const BufferList& list,
                       Plan* plan);

// Checks an input: exactly one kind, 0 < count <= batch, tensors that can be pictures.
levit_status check_input(const levit_context* context, levit_input input, size_t count);

// The same for calls that ask for logits or their gradients: NO_HEAD for a model without classifier.
levit_status check_scored_input(const levit_context* context, levit_input input, size_t count);

// Floats of one picture at a layer.
size_t layer_floats(const weights::Config& config, levit_layer layer);

// Not null and finite, [count, classes].
levit_status check_direction(const levit_context& context, const float* direction, size_t count);

// Whether all are finite.
bool all_finite(const float* values, size_t count);

// Whether all are within what normalised pixels can be: (p - mean) / std of a valid file is below 1.1e6. What
// is larger could overflow inside the network, and its exp hides NaN.
bool is_picture(const float* tensor, size_t count);

// Who listens to the pieces of a pass; null: nobody. The observer must outlive its use.
void observe(levit_context* context, const Observer* observer);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_CONTEXT_H_
