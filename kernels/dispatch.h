// The kernels of one instruction set, as pointers to functions. Each target that Highway builds here has one
// Dispatch, and the caller keeps a pointer to the one it chose; nothing is written at run time, so the
// archive has no mutable data.
#ifndef LEVIT_KERNELS_DISPATCH_H_
#define LEVIT_KERNELS_DISPATCH_H_

#include <cstddef>

#ifdef LEVIT_TRAIN
#define LEVIT_FOR_EACH_TRAINING_KERNEL(KERNEL)   \
  KERNEL(gemm_vjp_weights, GemmVjpWeights)       \
  KERNEL(conv3x3_vjp_weights, Conv3x3VjpWeights) \
  KERNEL(add_gradients, AddGradients)            \
  KERNEL(optimize, Optimize)
#else
#define LEVIT_FOR_EACH_TRAINING_KERNEL(KERNEL)
#endif

// Every kernel: its name and the structure that describes a call. A new one is a line here and files of its
// own: fields, prototypes and the constants of all targets follow from these lists.
#define LEVIT_FOR_EACH_FORWARD_KERNEL(KERNEL)     \
  KERNEL(gemm, Gemm)                              \
  KERNEL(conv3x3, Conv3x3)                        \
  KERNEL(attention, Attention)                    \
  KERNEL(softmax, Softmax)                        \
  KERNEL(hardswish, Hardswish)                    \
  KERNEL(mean_pool, MeanPool)                     \
  KERNEL(subsample, Subsample)                    \
  KERNEL(normalise_row, NormaliseRow)             \
  KERNEL(interleave_row, InterleaveRow)           \
  KERNEL(resample_horizontal, ResampleHorizontal) \
  KERNEL(resample_vertical, ResampleVertical)     \
  KERNEL(resample_accumulate, ResampleAccumulate) \
  KERNEL(resample_finish, ResampleFinish)

#define LEVIT_FOR_EACH_VJP_KERNEL(KERNEL)    \
  KERNEL(gemm_vjp_input, Gemm)               \
  KERNEL(conv3x3_vjp_input, Conv3x3VjpInput) \
  KERNEL(attention_vjp, AttentionVjp)        \
  KERNEL(softmax_vjp, SoftmaxVjp)            \
  KERNEL(hardswish_vjp, HardswishVjp)        \
  KERNEL(mean_pool_vjp, MeanPoolVjp)         \
  KERNEL(subsample_vjp, SubsampleVjp)

#define LEVIT_FOR_EACH_KERNEL(KERNEL)   \
  LEVIT_FOR_EACH_FORWARD_KERNEL(KERNEL) \
  LEVIT_FOR_EACH_VJP_KERNEL(KERNEL)     \
  LEVIT_FOR_EACH_TRAINING_KERNEL(KERNEL)

namespace levit::kernels {

// Without gradients (LEVIT_GRADIENTS=OFF) the VJP kernels are null pointers; nothing refers to their code
// then, and the linker drops it.
#ifdef LEVIT_NO_GRADIENTS
inline constexpr bool kGradients = false;
#else
inline constexpr bool kGradients = true;
#endif

// Whether this build has the gradients of parameters.
#ifdef LEVIT_TRAIN
inline constexpr bool kTrains = true;
#else
inline constexpr bool kTrains = false;
#endif

#define LEVIT_DECLARE(name, Call) struct Call;
LEVIT_FOR_EACH_KERNEL(LEVIT_DECLARE)
#undef LEVIT_DECLARE

struct Dispatch {
  const char* name;  // "AVX3", "AVX2", "SSE4", "SCALAR", "NEON", ...
  size_t lanes;      // floats in a vector

// NOLINTNEXTLINE(bugprone-macro-parentheses): a type takes none
#define LEVIT_FIELD(name, Call) void (*name)(const Call&);
  LEVIT_FOR_EACH_KERNEL(LEVIT_FIELD)
#undef LEVIT_FIELD
};

// The targets that this processor can run, best first; `count` of them, at least one.
const Dispatch* const* supported_targets(size_t* count);

// The supported target of that name (case does not matter), the best one for null, or null when there is
// none.
const Dispatch* find_target(const char* name);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_DISPATCH_H_
