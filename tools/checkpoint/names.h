// From the names of the implementations of LeViT to timm's. The mapping goes by name: the order of a file's
// tensors means nothing.
#ifndef LEVIT_TOOLS_CHECKPOINT_NAMES_H_
#define LEVIT_TOOLS_CHECKPOINT_NAMES_H_

#include <string>
#include <vector>

#include "tools/checkpoint/families.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

struct NamedTensors {
  StateDict tensors;         // timm's names; what is unknown keeps its own
  SourceNames source_names;  // of every tensor that a LeViT of this depth has
  Family family = Family::kTimm;
  bool fused = false;                // the original without its batch norms
  std::string prefix;                // in front of every name in the file: "module.", "model."
  std::vector<std::string> outside;  // tensors without the prefix, such as a loss function's
};

// Throws std::runtime_error for tensors that are none of the three families', for a network with tensors
// inside and outside the prefix, and for attention_bias_idxs other than |dy| * side + |dx|.
NamedTensors rename_to_timm(const StateDict& dict);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_NAMES_H_
