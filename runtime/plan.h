// Where every tensor of a pass lies in the arena. Lifetimes are counted in steps of the pass and buffers
// overlaid; levit_arena_bytes and levit_create both ask this plan, so the size is exact.
//
// A batch goes through stage s in chunks of `chunk[s]` pictures: few in the wide early stages, so that their
// tokens stay in the cache, all of them in the last one, so that its weights are read once. A gradient keeps
// q, k, v and the inputs of every hardswish of all pictures; softmax and the first convolution are
// recomputed.
//
// A batch with a picture for every worker goes through in replicas instead: each worker takes pictures of its
// own from end to end, alone, in a workspace of its own (pass.cc).
#ifndef LEVIT_RUNTIME_PLAN_H_
#define LEVIT_RUNTIME_PLAN_H_

#include "runtime/network.h"

namespace levit::runtime {

// Buffers begin on cache lines.
constexpr size_t round_to_line(size_t floats) {
  return kernels::round_up(floats, LEVIT_ARENA_ALIGNMENT / sizeof(float));
}

// One buffer, or one per block of a group and per picture, block by block. In floats.
struct Slot {
  size_t offset;
  size_t picture_stride;  // between pictures of a batch; 0 when chunks and blocks share the buffer
};

// Of the blocks of one group (network.h). A slot without floats is not used.
struct BlockSlots {
  Slot qkv;           // Heads (tensor.h)
  Slot q;             // Heads; downsampling
  Slot subsampled;    // [queries, in]; downsampling
  Slot attended;      // [queries, heads * value] after hardswish
  Slot hidden;        // [queries, hidden] after hardswish
  Slot pre_attended;  // the same two before hardswish; gradients
  Slot pre_hidden;
  Slot d_qkv, d_q, d_subsampled, d_attended, d_hidden;  // gradients of the above
  // For parameter gradients: the inputs of attention and MLP, [keys, in] and [queries, out], and, where these
  // are deferred, the gradients at their outputs, [queries, out] both.
  Slot input, middle, d_middle, d_out;
};

enum class Phase : size_t { kQkv, kAttention, kProj, kExpand, kContract };  // of a block
inline constexpr size_t kPhases = 5;

// Steps of a pass: stem, five phases of each group, head; then the same backwards; then the sums of an
// attribution.
inline constexpr size_t kStepStem = 0;
inline constexpr size_t kStepHead = 1 + kGroups * kPhases;
constexpr size_t step_of(size_t group, Phase phase) {
  return 1 + group * kPhases + static_cast<size_t>(phase);
}
constexpr size_t mirror(size_t step) {
  return 2 * kStepHead + 1 - step;
}
inline constexpr size_t kStepSums = mirror(kStepStem) + 1;
inline constexpr size_t kSteps = kStepSums + 1;

// The groups from here on, stage 2 and its downsampling, take their parameter gradients over the whole batch
// when it has gone back, since their weights are many and their tokens few (train_step.cc).
inline constexpr size_t kDeferredGroup = 3;

struct PlanOptions {
  size_t batch, workers;
  bool gradient, attribution;
  bool parameters = false;  // keep what parameter gradients need as well; of one worker
  int deepest =
      LEVIT_INPUT;  // the layer furthest back whose gradient is asked; nothing is kept in front of it

  // 1, or the workers if there is a picture for each.
  size_t replicas() const { return batch < workers ? 1 : workers; }
  // The pictures that all workers share: with replicas, what is too few for them.
  size_t shared() const { return replicas() > 1 ? replicas() - 1 : batch; }
  PlanOptions of_replica() const {
    return {(batch + replicas() - 1) / replicas(), 1, gradient, false, false, LEVIT_INPUT};
  }
};

struct Plan {
  PlanOptions options;
  size_t chunk[kStages];
  Slot x[kStages], d_x[kStages];  // tokens of a chunk after (during) a stage
  Slot pooled, d_pooled;          // [batch, dims[2]]
  BlockSlots group[kGroups];
  // By stem level, 1 to 3: before hardswish (level 1 of one picture, recomputed), its gradient, and after
  // hardswish (level 0: the picture; for parameter gradients only, which need of levels 0 and 1 a strip).
  Slot stem_pre[kStemLayers], d_stem[kStemLayers], stem_out[kStemLayers];
  Slot activation;        // one picture's values at a layer
  Slot logits;            // [batch, classes]
  Slot direction;         // [batch, classes]
  Slot points, d_points;  // [batch, 3, side, side]: sample points of an attribution and their gradients
  Slot drawn;             // uint32 [batch]: backgrounds of a pass
  Slot sums, squares;     // float64 [3, side, side]
  Slot scratch[kSteps];   // per worker, at the picture stride
  size_t replica_floats;  // from the workspace of a replica to the next one
  size_t floats;          // of the workspace
  size_t unshared;        // the same if no two buffers shared bytes
};

// A buffer as the plan lays it: offset and floats within the workspace, alive from step `first` to `last`.
struct Buffer {
  const char* name;  // of its slot
  size_t group;      // of blocks, or kGroups
  size_t offset, floats;
  size_t first, last;
};

// Who looks at the buffers of a plan, the largest first.
struct BufferList {
  void (*each)(void* context, const Buffer& buffer);
  void* context;
};

// list: null, or who is told of every buffer of the shared pictures.
Plan make_plan(const weights::Config& config, const PlanOptions& options, const BufferList* list = nullptr);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PLAN_H_
