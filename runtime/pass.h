// A pass over a batch: forward, and backward from given derivatives of the logits. Every caller of the
// network comes through run().
#ifndef LEVIT_RUNTIME_PASS_H_
#define LEVIT_RUNTIME_PASS_H_

#include "runtime/context.h"

namespace levit::runtime {

// By layer of weights::list_layers; all are added to. Null pointers inside are not allowed but for missing
// tables.
struct ParameterGradients {
  float* const* weight;      // [outputs, depth]
  float* const* bias;        // [outputs]
  float* const* bias_table;  // [heads, grid * grid]
};

inline constexpr int kNoLayer = LEVIT_STAGE2 + 1;

struct Pass {
  const levit_context& context;
  levit_input input;
  size_t count;                 // pictures
  int layer = kNoLayer;         // where the gradient is asked; nothing in front of it is kept
  float* activation = nullptr;  // values at `layer` go here, [count][layer floats]; may be null
  float* gradient = nullptr;  // gradient there; null: it stays in the plan's d_x. Never null for LEVIT_INPUT
  const ParameterGradients* parameters = nullptr;
  float* features = nullptr;  // pooled features [count, dims[2]] instead of logits

  bool keeps_stem() const { return layer == LEVIT_INPUT; }
  bool keeps(size_t stage) const { return layer < LEVIT_STAGE0 + static_cast<int>(stage); }
};

// The forward pass to logits [count, classes] (null with `features`) and, if `direction` [count, classes] is
// not null, the backward pass: the gradient of sum over k of direction[i, k] * logit[i, k] at the pass's
// layer. LEVIT_NUMBER: logits or features that are not finite.
levit_status run(const Pass& pass, float* logits, const float* direction);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PASS_H_
