// The stem: four 3x3 stride-2 convolutions, hardswish after the first three, streamed row by row.
//
// Rows flow through a ring of three line buffers per level, so no feature map of the first three levels
// exists. Workers take strips of output rows and compute the few rows above their strip twice. A gradient
// keeps the inputs of the hardswish at levels 2 and 3 and recomputes level 1.
#ifndef LEVIT_RUNTIME_STEM_H_
#define LEVIT_RUNTIME_STEM_H_

#include "runtime/pass.h"
#include "runtime/tensor.h"

namespace levit::runtime {

// Rows of level 1 that go back together in training.
inline constexpr size_t kStemStrip = 8;

// Line buffers and scratch of one worker.
size_t stem_scratch_floats(const weights::Config& config);

// x [pictures * 14 * 14, dims[0]].
void stem(const Pass& pass, const Tokens& x, Range pictures);

// Gradient of each picture [3, side, side], written to pass.gradient, from dx at the stem's output.
void stem_vjp(const Pass& pass, const Tokens& dx, Range pictures);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_STEM_H_
