// The backward pass: head, stages, stem.
#ifndef LEVIT_RUNTIME_BACKWARD_H_
#define LEVIT_RUNTIME_BACKWARD_H_

#include "runtime/context.h"

namespace levit::runtime {

// Gradient of sum over k of direction[i, k] * logit[i, k] at the pass's layer, after forward() of the same
// pass. direction [count, classes].
void backward(const Pass& pass, const float* direction);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_BACKWARD_H_
