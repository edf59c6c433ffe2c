// The forward pass: stem, stages, head.
#ifndef LEVIT_RUNTIME_FORWARD_H_
#define LEVIT_RUNTIME_FORWARD_H_

#include "runtime/context.h"

namespace levit::runtime {

// logits [count, classes], or the pooled features that the pass asks for instead. Stores the activation that
// the pass asks for, and keeps what its gradient needs.
void forward(const Pass& pass, float* logits);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_FORWARD_H_
