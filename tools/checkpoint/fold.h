// From a state dict to one matrix and one bias per layer: batch norms folded in double (eps 1e-5), both heads
// merged.
#ifndef LEVIT_TOOLS_CHECKPOINT_FOLD_H_
#define LEVIT_TOOLS_CHECKPOINT_FOLD_H_

#include <map>
#include <string>

#include "tools/checkpoint/folded.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

// timm's name of a tensor -> the file's own, for messages; names that are not in it are timm's.
using SourceNames = std::map<std::string, std::string>;

// `dict` is in timm's names: with batch norms or fused (weight and bias, no norm), linear weights [out, in]
// or [out, in, 1, 1], classifier `conv_head`, `head`, or `head` and `head_dist`. Labels are class0, class1,
// ... Throws std::runtime_error naming every tensor that is missing, unknown, misshapen or not finite, all at
// once.
//   linear, norm: W' = W[o] s[o], b' = beta - mean s, with s = gamma / sqrt(var + eps)
//   norm, linear: W' = W s[i],    b' = W (beta - mean s) + b;  two heads: the mean of both
FoldedModel fold(const StateDict& dict, const SourceNames& source_names = {});

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_FOLD_H_
