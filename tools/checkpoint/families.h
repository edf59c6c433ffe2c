// How the three implementations of LeViT name their tensors.
//   timm          stages.S.blocks.B.attn.qkv.linear.weight, a downsampling in front of its stage
//   original      blocks.I.m.qkv.c.weight, attentions, MLPs and downsamplings counted in one sequence
//   Hugging Face  levit.encoder.stages.S.layers.L.module.queries_keys_values.linear.weight, counted within a
//   stage, a
//                 downsampling and its MLP at the end of the stage before
#ifndef LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_
#define LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_

#include <string>
#include <vector>

#include "tools/checkpoint/state_dict.h"
#include "weights/architecture.h"

namespace levit::tools {

enum class Family : uint8_t { kTimm, kOriginal, kHuggingFace };

const char* family_name(Family family);

// Whose names most of the tensors have; false if they are nobody's.
bool find_family(const StateDict& dict, Family* family);

// Blocks of each stage, as the tensors' names number them; 0 where there are none. Throws std::runtime_error
// for numbers beyond weights::kMaxDepth.
void find_depths(const StateDict& dict, Family family, uint32_t depth[weights::kStages]);

// Names of the same tensor.
struct NamePair {
  std::string timm, source;
};

// Every tensor that a LeViT of these depths may have, with heads of all kinds. `fused`: the original's names
// after its batch norms are gone, "blocks.0.m.qkv.weight" for "blocks.0.m.qkv.c.weight".
std::vector<NamePair> list_names(Family family, bool fused, const uint32_t depth[weights::kStages]);

// The buffer of bias indices of a layer with a bias table, in the family's names.
std::string index_buffer_name(Family family, const weights::Layer& layer,
                              const uint32_t depth[weights::kStages]);

// The layers but the head of a LeViT of these depths; only part, place and grid count.
std::vector<weights::Layer> body_layers(const uint32_t depth[weights::kStages]);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_FAMILIES_H_
