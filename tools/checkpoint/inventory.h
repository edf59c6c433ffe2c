// Which tensors a LeViT needs, and whether a state dict has them.
#ifndef LEVIT_TOOLS_CHECKPOINT_INVENTORY_H_
#define LEVIT_TOOLS_CHECKPOINT_INVENTORY_H_

#include <string>
#include <vector>

#include "tools/checkpoint/configuration.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

struct Expected {
  std::string name;             // timm's
  std::vector<uint64_t> shape;  // a matrix may as well be [out, in, 1, 1]
};

// timm's name of the module that holds a layer's weights: "stages.0.blocks.0.attn.qkv".
std::string module_name(const weights::Layer& layer);

// timm's name of the bias table of a layer that has one.
std::string table_name(const weights::Layer& layer);

// The modules of the classifier: "head", or "head" and "head_dist".
std::vector<std::string> head_modules(HeadKind kind);

std::vector<Expected> expected_tensors(const Configuration& configuration);

// Throws std::runtime_error naming every tensor that is missing, unknown, misshapen, not of floating point or
// not finite, and every negative variance.
void check_tensors(const StateDict& dict, const Configuration& configuration,
                   const SourceNames& source_names);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_INVENTORY_H_
