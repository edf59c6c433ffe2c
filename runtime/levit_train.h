/* 9. Training the whole network (a library built with LEVIT_TRAIN, the default; else these calls are absent).
 *
 * A section of levit.h, which includes it. The trainer's arena holds a writable fp32 weight image, whose
 * panels are the parameters that the forward pass reads. Gradients, moments and mean lie in the same layout,
 * for the layers that learn and no others. Batch norm is folded, so its statistics stay as they are.
 *
 * Results depend on the pictures, their order, the options and the instruction set, and not on the number of
 * threads, bit for bit. Sums have one order. The pictures of a step are cut into `shares` consecutive parts,
 * as even as can be; within a part a gradient is one chain of multiply-adds over the rows of its pictures,
 * taken from the last picture to the first (in stage 1 four at a time, these in order); then the parts are
 * added in order. The matrices of stage 2, of its downsampling and of the head are one chain over all
 * pictures, in order. The squares of the norm are summed by tensors and blocks of a fixed size.
 */
#ifndef LEVIT_TRAIN_H_
#define LEVIT_TRAIN_H_

#include "levit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which layers learn; nothing is propagated behind the first of them. */
typedef enum levit_train_part {
  LEVIT_TRAIN_HEAD = 0,
  LEVIT_TRAIN_STAGE2 = 1, /* from the downsampling in front of stage 2 on */
  LEVIT_TRAIN_STAGE1 = 2, /* from the downsampling in front of stage 1 on */
  LEVIT_TRAIN_ALL = 3
} levit_train_part;

typedef struct levit_train_options {
  size_t size; /* sizeof(levit_train_options), set by the caller */
  levit_train_part part;
  uint32_t batch;   /* pictures in one step, at most */
  uint32_t threads; /* as in levit_options, and the next three */
  uint32_t shares;  /* parts of a step that sums are made of, and the most threads that help in
                       the early stages, each with its own gradient of these; 1 to 64 */
  levit_parallel_for parallel_for;
  void* parallel_context;
  const char* target;
  levit_optimizer optimizer;
  uint32_t reserved;      /* 0 */
  double weight_decay;    /* of matrices and convolutions; not of biases and attention biases */
  double momentum;        /* SGD; and AdamW's decay of the first moment */
  double second_momentum; /* AdamW: decay of the second moment */
  double epsilon;         /* AdamW: added to the root of the second moment */
  double label_smoothing; /* share of every target that all classes share, in [0, 1) */
  double clip;        /* gradients of a larger norm (L2, of all that learns) are scaled to it; 0: none are */
  double mean;        /* decay of the exponential moving average of the weights, in [0, 1); 0: none is kept */
  double layer_decay; /* the rate of a layer is rate * layer_decay^distance, (0, 1]; the head has distance 0,
                         the last block 1, the one before 2, ..., a downsampling counts as a block, the
                         stem as one (Clark et al. 2020, arXiv 2003.10555; as timm counts blocks) */
  const float* class_weights; /* [classes], positive; copied; null: all 1 */
} levit_train_options;

/* All layers, one thread, 4 shares, AdamW with decay 0.05, momenta 0.9 and 0.999 and epsilon 1e-8, no
 * smoothing, no clipping, no mean, one rate, no class weights. Compiled with the caller, whose struct it
 * fills. */
static inline levit_train_options levit_default_train_options(void) {
  /* NOLINTBEGIN(modernize-use-nullptr): C */
  const levit_train_options options = {sizeof(levit_train_options),
                                       LEVIT_TRAIN_ALL,
                                       1,
                                       1,
                                       4,
                                       NULL,
                                       NULL,
                                       NULL,
                                       LEVIT_ADAMW,
                                       0,
                                       0.05,
                                       0.9,
                                       0.999,
                                       1e-8,
                                       0,
                                       0,
                                       0,
                                       1,
                                       NULL};
  /* NOLINTEND(modernize-use-nullptr) */
  return options;
}

typedef struct levit_trainer levit_trainer; /* lies in its arena */

/* Exactly the arena that levit_train_create needs for these options. Returns: ARGUMENT, STRUCT, TARGET,
 * NO_HEAD, CLASS (a model of one logit: cross-entropy needs two; levit_export gives it another head). */
levit_status levit_train_bytes(const levit_model* model, const levit_train_options* options, size_t* bytes);

/* A trainer that starts from the model, whose weights are copied, fp16 widened to fp32; the model is not used
 * after that. For other classes, give the model another head first (levit_export). arena: aligned to
 * LEVIT_ARENA_ALIGNMENT, need not be cleared. Returns as levit_train_bytes; ALIGNMENT, ARENA. */
levit_status levit_train_create(const levit_model* model, const levit_train_options* options, void* arena,
                                size_t arena_bytes, levit_trainer** trainer);

/* The weights that learn, as a model: contexts over it see every step (none may run during one), and
 * levit_export writes it to a file. Its own checksum is not kept up. Null without a trainer. */
const levit_model* levit_train_model(const levit_trainer* trainer);

/* One step: the gradient of the mean cross-entropy of `count` pictures (levit_head_loss has the formula) with
 * labels [count], and the optimiser's update with learning rate `rate`. loss: before the update; norm: L2 of
 * the gradient, before clipping; correct: pictures whose label had the largest logit; each may be null.
 * A step that does not return LEVIT_OK leaves weights, moments, mean and the number of steps as they were.
 * Returns: ARGUMENT (a rate below 0 or above 1000 included), BATCH, NUMBER (of the input), CLASS (a label),
 * FEATURE (the mean lies where the weights do), DIVERGED (logits, loss or gradient are not finite, or the
 * norm is above 1e12; loss and norm are given all the same). */
levit_status levit_train_step(levit_trainer* trainer, levit_input input, const uint32_t* labels, size_t count,
                              double rate, double* loss, double* norm, size_t* correct);

/* The same without an update, to look at a rate or a batch: loss, norm and correct only. Returns as
 * levit_train_step. */
levit_status levit_train_gradient(levit_trainer* trainer, levit_input input, const uint32_t* labels,
                                  size_t count, double* loss, double* norm, size_t* correct);

/* Steps done since the start, those before a restored state included; 0 without a trainer. */
uint64_t levit_train_steps(const levit_trainer* trainer);

/* Exchanges the weights and their mean, so that levit_train_model is the mean until the next call; mean: 1 to
 * have the mean there, 0 to have the weights back, in any order. Returns: ARGUMENT, FEATURE (no mean is
 * kept). */
levit_status levit_train_use_mean(levit_trainer* trainer, int mean);

/* All that the next step depends on, sealed with a checksum: weights, moments, mean, number of steps. It lies
 * in the arena as one piece, valid and unchanged until the next call with this trainer that is not const.
 * Returns: ARGUMENT, FEATURE (the mean lies where the weights do). */
levit_status levit_train_state(levit_trainer* trainer, const void** state, size_t* bytes);

/* Goes on from a state of levit_train_state: of a trainer that started from the same model, with the same
 * part, optimiser and mean (or none). Numbers among the options may differ. state: any alignment. Nothing is
 * changed unless LEVIT_OK. Returns: ARGUMENT, MAGIC (not a state), VERSION, TRUNCATED, TRAILING, CHECKSUM
 * (damaged), TENSOR (of another model), CONFIG (of another part, optimiser, or with or without mean),
 * BYTE_ORDER. */
levit_status levit_train_restore(levit_trainer* trainer, const void* state, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* LEVIT_TRAIN_H_ */
