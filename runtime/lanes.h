// A pass over a batch: all workers on the same pictures, or each on its own ones.
//
// Workers that share a picture exchange its tokens after every layer, which costs more than the layers where
// caches are far apart. With a picture for each they do not meet before the end. No bit depends on it.
#ifndef LEVIT_RUNTIME_LANES_H_
#define LEVIT_RUNTIME_LANES_H_

#include "runtime/context.h"

namespace levit::runtime {

// The forward pass to `logits` and, if `direction` is not null, the backward pass from it. LEVIT_NUMBER:
// logits that are not finite.
levit_status run(const Pass& pass, float* logits, const float* direction);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_LANES_H_
