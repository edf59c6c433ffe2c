// A pass over a batch: forward, and backward from given derivatives of the logits. Every caller of the
// network comes through run().
#ifndef LEVIT_RUNTIME_PASS_H_
#define LEVIT_RUNTIME_PASS_H_

#include "runtime/context.h"

namespace levit::runtime {

using kernels::kTrains;

// Where the gradients of parameters go: to arrays laid out as the image is from its first parameter that
// learns on. A step's pictures are cut into shares; each has an array of its own for what comes before the
// deferred layers and, behind that, for the tables of attention biases of the deferred blocks (levit_train.h
// has the order of the sums).
struct ParameterGradients {
  const float* first;     // the first parameter that learns
  const float* deferred;  // the first one of the deferred layers
  float* all;             // the first share's, and that of the deferred layers
  float* part;            // of the second share; the next ones part_floats behind it
  size_t part_floats;
  size_t pictures, shares;  // of the whole step
  size_t begin;             // the first picture of this pass among them

  Range share(size_t index) const { return part_of(pictures, 1, shares, index); }
  size_t share_of(size_t picture) const {
    size_t index = 0;
    while (share(index).end <= begin + picture) ++index;
    return index;
  }
  // The share of a picture of this pass, as pictures of this pass.
  Range share_around(size_t picture) const {
    const Range mine = share(share_of(picture));
    return {mine.begin - begin, mine.end - begin};
  }
  // The gradient of the parameter at `at`, for pictures of one share; not for the tables of deferred blocks.
  float* of(const void* at, size_t picture) const {
    const auto* parameter = static_cast<const float*>(at);
    const size_t index = parameter < deferred ? share_of(picture) : 0;
    return (index == 0 ? all : part + (index - 1) * part_floats) + (parameter - first);
  }
  // The gradient of a deferred block's table; `tables`: floats of the tables in front of it.
  float* of_table(const float* table, size_t picture, size_t tables) const {
    const size_t index = share_of(picture),
                 early = deferred > first ? static_cast<size_t>(deferred - first) : 0;
    return index == 0 ? all + (table - first) : part + (index - 1) * part_floats + early + tables;
  }
};

inline constexpr int kNoLayer = LEVIT_STAGE2 + 1;

struct Pass {
  const levit_context& context;
  levit_input input;
  size_t count;                 // pictures
  int layer = kNoLayer;         // where the gradient is asked; nothing in front of it is kept
  float* activation = nullptr;  // values at `layer` go here, [count][layer floats]; may be null
  float* gradient = nullptr;  // gradient there; null: it stays in the plan's d_x. Never null for LEVIT_INPUT
  const ParameterGradients* parameters = nullptr;  // with these, nothing is propagated to `layer` itself
  float* features = nullptr;  // where the pooled features [count, dims[2]] go, beside or instead of logits

  // Constants in builds that have no such passes, so that their code is left out.
  bool learns() const { return kTrains && parameters != nullptr; }
  bool keeps_stem() const { return kernels::kGradients && layer == LEVIT_INPUT; }
  bool keeps(size_t stage) const {
    return kernels::kGradients && layer < LEVIT_STAGE0 + static_cast<int>(stage);
  }
  bool learns(size_t stage) const { return learns() && keeps(stage); }
  bool stops_at(int at) const { return learns() && layer == at; }
};

// The forward pass to logits [count, classes] (null with `features`) and, if `direction` [count, classes] is
// not null, the backward pass: the gradient of sum over k of direction[i, k] * logit[i, k] at the pass's
// layer. LEVIT_NUMBER: logits or features that are not finite.
levit_status run(const Pass& pass, float* logits, const float* direction);

// Its two halves, where all workers of the context take the pictures together. A backward pass with
// `parameters` belongs to a context of one worker.
void forward(const Pass& pass, float* logits);
void backward(const Pass& pass, const float* direction);

// What backward() left of the gradients of parameters, when all passes of a step are done: adds the columns
// of one layer of a block of the last groups, or of the head. scratch: kWeightScratchFloats.
void deferred_vjp(const Pass& pass, const Block& block, BlockLayer layer, Range columns, float* scratch);
void deferred_head_vjp(const Pass& pass, const float* direction, Range columns, float* scratch);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PASS_H_
