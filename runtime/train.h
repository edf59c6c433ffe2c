// A trainer of the whole network: where everything lies in its arena (levit_train.h).
//
// What a run goes on from is one piece, the state: a header, the writable fp32 image, and moments and mean
// laid out as the image is from its first parameter that learns on. The gradient is laid out likewise; behind
// it come the gradients of the other shares, then the workspaces of the replicas.
#ifndef LEVIT_RUNTIME_TRAIN_H_
#define LEVIT_RUNTIME_TRAIN_H_

#include "kernels/gemm.h"
#include "kernels/optimizer.h"
#include "runtime/context.h"
#include "runtime/pass.h"
#include "weights/layout.h"

namespace levit::runtime {

// The beginning of a state; numbers are in the order of this machine, whose arrays of floats follow.
struct alignas(LEVIT_ARENA_ALIGNMENT) StateHeader {
  uint8_t magic[8];
  uint32_t byte_order, version;
  uint64_t bytes;     // of the whole state
  uint64_t model;     // checksum of the image that training started from
  uint64_t checksum;  // where a .levit file has it
  uint32_t part, optimizer, has_mean, reserved;
  uint64_t steps;
  double momentum_power, second_power;  // momentum^steps, second_momentum^steps
};
static_assert(offsetof(StateHeader, checksum) == weights::kAtChecksum);
inline constexpr uint8_t kStateMagic[8] = {0x89, 'L', 'V', 'S', '\r', '\n', 0x1a, '\n'};
inline constexpr uint32_t kStateByteOrder = 0x01020304, kStateVersion = 1;

// A part of a tensor that learns, which one worker updates.
struct Piece {
  size_t begin, count;  // from the first parameter that learns on
  size_t part_begin;    // in the arrays of the other shares
  bool has_parts;       // summed up by shares
  bool decays;
  double rate;  // times the learning rate
};
inline constexpr size_t kPieceFloats = 32768;

// Outputs of a deferred layer that one task takes.
inline constexpr size_t kDeferredColumns = 64;

}  // namespace levit::runtime

struct levit_trainer {
  levit_train_options options;
  const levit::kernels::Dispatch* kernels;
  levit::runtime::Workers workers;
  levit_context* replicas;  // one for each worker that takes pictures, alike but for their workspaces
  size_t replica_count;
  double* class_weights;  // [classes]
  double* row;            // [replicas][classes]: logits of a picture
  double* losses;         // [batch]
  uint8_t* right;         // [batch]: whether the label had the largest logit
  levit_status* status;   // [replicas]
  float* logits;          // [batch][classes], then their derivatives
  float* scratch;         // [threads][kWeightScratchFloats]
  levit::runtime::Piece* pieces;
  size_t piece_count;
  double* squares;        // [pieces] and [deferred_units]: of the gradient
  size_t deferred_units;  // tasks of the deferred gradients (train_step.cc)

  size_t state_bytes;
  levit::runtime::StateHeader* state;
  uint8_t* image;
  float *first, *deferred;        // in the image: the first parameters that learn, and of the deferred layers
  size_t floats;                  // from `first` to the end of the image
  float *moment, *second, *mean;  // [floats]; second: AdamW; mean: may be null
  float* gradient;                // [floats]
  float* part;                    // of the other shares, [shares - 1][part_floats]
  size_t part_floats;
  bool has_mean_in_place;  // weights and mean are exchanged
};

#endif  // LEVIT_RUNTIME_TRAIN_H_
