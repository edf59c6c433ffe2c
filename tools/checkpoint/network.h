// Where in a file a LeViT lies: below which prefix, in whose names, and which of several it is.
#ifndef LEVIT_TOOLS_CHECKPOINT_NETWORK_H_
#define LEVIT_TOOLS_CHECKPOINT_NETWORK_H_

#include <map>
#include <string>
#include <vector>

#include "tools/checkpoint/families.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

// The body of a LeViT among the tensors of a file; its classifier is head.h's.
struct Network {
  Family family = Family::kTimm;
  std::string prefix;    // in front of every name: "", "module.", "state_dict.model."
  size_t container = 0;  // how much of it leads to the state dict: "state_dict."
  bool fused = false;    // the batch norms are folded into weight and bias
  uint32_t depth[weights::kStages] = {};
  size_t found = 0, missing = 0;  // tensors of the body
};

// Every prefix below which tensors of a LeViT lie.
std::vector<Network> find_networks(const StateDict& dict);

// The one to pack. Of whole networks those in a dict that is called after an average of the weights come
// first (state_dict_ema, model_ema, ...: timm's order, and the original training script's), then state_dict,
// model_state_dict and model, then any other; within one dict a copy below a prefix of that name comes last.
// `key` names a dict or a prefix and leaves only what lies there. Throws std::runtime_error naming the choice
// when it is not clear.
const Network& choose_network(const std::vector<Network>& networks, const StateDict& dict,
                              const std::string& key);

// timm's name of a tensor -> the file's own, for messages; names that are not in it are timm's.
using SourceNames = std::map<std::string, std::string>;

// The body's tensors in timm's names. Throws std::runtime_error for attention_bias_idxs other than
// |dy| * side + |dx|, and for a tensor that cannot be read. `rest` receives the names of all other tensors of
// the file.
StateDict body_tensors(const StateDict& dict, const Network& network, SourceNames* source_names,
                       std::vector<std::string>* rest);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_NETWORK_H_
