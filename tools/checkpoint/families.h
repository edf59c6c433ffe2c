// How the three implementations of LeViT name the tensors of its body, that is of all but the classifier.
//   timm          stages.S.blocks.B.attn.qkv.linear.weight, a downsampling in front of its stage
//   original      blocks.I.m.qkv.c.weight, attentions, MLPs and downsamplings counted in one sequence
//   Hugging Face  encoder.stages.S.layers.L.module.queries_keys_values.linear.weight, counted within a stage,
//   a
//                 downsampling and its MLP at the end of the stage before
#ifndef LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_
#define LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/checkpoint/state_dict.h"
#include "weights/architecture.h"

namespace levit::tools {

enum class Family : uint8_t { kTimm, kOriginal, kHuggingFace };

const char* family_name(Family family);

// Whether a body's tensor has this name, behind some prefix: "model.stem.conv1.bn.bias" is timm's behind
// "model.".
bool find_body_name(std::string_view name, Family* family, size_t* prefix_length);

// The modules that hold a body: "stem" and "stages" of timm's.
bool is_body_module(Family family, std::string_view module);

// Blocks of each stage, as the tensors' names number them; 0 where there are none. Throws std::runtime_error
// for numbers beyond weights::kMaxDepth.
void find_depths(const StateDict& dict, Family family, uint32_t depth[weights::kStages]);

// Names of the same tensor.
struct NamePair {
  std::string timm, source;
};

// Every tensor that the body of a LeViT of these depths may have. `fused`: the original's names after its
// batch norms are gone, "blocks.0.m.qkv.weight" for "blocks.0.m.qkv.c.weight".
std::vector<NamePair> list_names(Family family, bool fused, const uint32_t depth[weights::kStages]);

// The buffer of bias indices of a layer with a bias table, in the family's names.
std::string index_buffer_name(Family family, const weights::Layer& layer,
                              const uint32_t depth[weights::kStages]);

// timm's name of the module that holds a layer's weights: "stages.0.blocks.0.attn.qkv".
std::string module_name(const weights::Layer& layer);

// timm's name of the bias table of a layer that has one.
std::string table_name(const weights::Layer& layer);

// The layers but the head of a LeViT of these depths; only part, place and grid count.
std::vector<weights::Layer> body_layers(const uint32_t depth[weights::kStages]);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_
