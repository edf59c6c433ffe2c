// From a checkpoint to one matrix and one bias per layer: batch norms folded in double (eps 1e-5), both heads
// merged.
#ifndef LEVIT_TOOLS_CHECKPOINT_FOLD_H_
#define LEVIT_TOOLS_CHECKPOINT_FOLD_H_

#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/folded.h"

namespace levit::tools {

// Labels are class0, class1, ...; negative and positive for one logit. Throws std::runtime_error naming every
// tensor that is missing, unknown, misshapen or not finite, all at once.
//   linear, norm: W' = W[o] s[o], b' = beta - mean s, with s = gamma / sqrt(var + eps)
//   norm, linear: W' = W s[i],    b' = W (beta - mean s) + b;  two heads: the mean of both
FoldedModel fold(const Checkpoint& checkpoint);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_FOLD_H_
