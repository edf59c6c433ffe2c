// The kernels of one instruction set as a table of function pointers. Each target that Highway builds here
// has one, and the caller keeps a pointer to the one it chose; nothing is written at run time, so the archive
// has no mutable data.
#ifndef LEVIT_KERNELS_TABLE_H_
#define LEVIT_KERNELS_TABLE_H_

#include "kernels/attention.h"
#include "kernels/conv3x3.h"
#include "kernels/gemm.h"
#include "kernels/half.h"
#include "kernels/hardswish.h"
#include "kernels/pixels.h"
#include "kernels/pool.h"
#include "kernels/resample.h"
#include "kernels/softmax.h"

namespace levit::kernels {

struct Table {
  const char* name;  // "AVX3", "AVX2", "SSE4", "SCALAR", "NEON", ...
  size_t lanes;      // floats in a vector

  void (*gemm)(const Gemm&);
  void (*gemm_vjp_input)(const GemmVjpInput&);
  void (*gemm_vjp_weights)(const GemmVjpWeights&);
  void (*conv3x3)(const Conv3x3&);
  void (*conv3x3_vjp_input)(const Conv3x3VjpInput&);
  void (*conv3x3_vjp_weights)(const Conv3x3VjpWeights&);
  void (*attention)(const Attention&);
  void (*attention_vjp)(const AttentionVjp&);
  void (*softmax)(const Softmax&);
  void (*softmax_vjp)(const SoftmaxVjp&);
  void (*hardswish)(const Hardswish&);
  void (*hardswish_vjp)(const HardswishVjp&);
  void (*mean_pool)(const MeanPool&);
  void (*mean_pool_vjp)(const MeanPoolVjp&);
  void (*subsample)(const Subsample&);
  void (*subsample_vjp)(const SubsampleVjp&);
  void (*normalise_row)(const NormaliseRow&);
  void (*interleave_row)(const InterleaveRow&);
  void (*widen_half)(const WidenHalf&);
  void (*resample_horizontal)(const ResampleHorizontal&);
  void (*resample_vertical)(const ResampleVertical&);
};

// The tables that this processor can run, best first; `count` of them, at least one.
const Table* const* supported_tables(size_t* count);

// The supported table of that name (case does not matter), the best one for null, or null when there is none.
const Table* find_table(const char* name);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_TABLE_H_
