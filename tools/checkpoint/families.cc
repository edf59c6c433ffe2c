// The three ways of counting blocks, and the names that follow from them.
#include "tools/checkpoint/families.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

using weights::kStages;
using weights::Layer;
using weights::Part;

constexpr uint32_t kLargestNumber = 2 * kStages * (weights::kMaxDepth + 1);
constexpr const char* kNormTensors[] = {"weight", "bias", "running_mean", "running_var",
                                        "num_batches_tracked"};

// A layer's module below its attention, MLP or downsampling.
struct PartNames {
  const char* original;
  const char* hugging_face;
};

PartNames part_names(Part part) {
  switch (part) {
    case Part::kQkv:
      return {".m.qkv", ".module.queries_keys_values"};
    case Part::kProj:
      return {".m.proj.1", ".module.projection"};
    case Part::kDownKv:
      return {".kv", ".keys_values"};
    case Part::kDownQ:
      return {".q.1", ".queries"};
    case Part::kDownProj:
      return {".proj.1", ".projection"};
    case Part::kMlpExpand:
      return {".m.0", ".module.linear_up"};
    default:
      return {".m.2", ".module.linear_down"};
  }
}

// The attention, MLP or downsampling that a layer belongs to, as the two other families count them.
std::string residual_name(Family family, const Layer& layer, const uint32_t depth[kStages]) {
  const bool downsample = layer.index == weights::kDownsample;
  const uint32_t stage = downsample ? layer.stage - 1 : layer.stage;
  const uint32_t second = layer.part == Part::kMlpExpand || layer.part == Part::kMlpContract ? 1 : 0;
  uint32_t index = 2 * (downsample ? depth[stage] : layer.index) + second;
  if (family == Family::kHuggingFace) {
    return "encoder.stages." + std::to_string(stage) + ".layers." + std::to_string(index);
  }
  for (uint32_t s = 0; s < stage; ++s) index += 2 * (depth[s] + 1);
  return "blocks." + std::to_string(index);
}

std::string source_module(Family family, const Layer& layer, const uint32_t depth[kStages]) {
  if (family == Family::kTimm) return module_name(layer);
  const bool original = family == Family::kOriginal;
  if (layer.part == Part::kStem) {
    return original ? "patch_embed." + std::to_string(2 * layer.index)
                    : "patch_embeddings.embedding_layer_" + std::to_string(layer.index + 1);
  }
  const PartNames names = part_names(layer.part);
  return residual_name(family, layer, depth) + (original ? names.original : names.hugging_face);
}

// The module that holds a layer's bias table, with a dot.
std::string table_module(Family family, const Layer& layer, const uint32_t depth[kStages]) {
  if (family == Family::kTimm) {
    const std::string table = table_name(layer);
    return table.substr(0, table.rfind('.') + 1);
  }
  const char* block = family == Family::kOriginal ? ".m." : ".module.";
  return residual_name(family, layer, depth) + (layer.part == Part::kQkv ? block : ".");
}

// How a family calls the linear map and the norm inside a module.
struct InnerNames {
  std::string linear, norm;
};

InnerNames inner_names(Family family, bool fused, bool stem) {
  if (fused) return {"", ".bn"};
  switch (family) {
    case Family::kOriginal:
      return {".c", ".bn"};
    case Family::kHuggingFace:
      return {stem ? ".convolution" : ".linear", ".batch_norm"};
    default:
      return {".linear", ".bn"};
  }
}

void list_module(const std::string& timm, const std::string& source, const InnerNames& inner,
                 std::vector<NamePair>* names) {
  for (const char* leaf : {".weight", ".bias"})
    names->push_back({timm + ".linear" + leaf, source + inner.linear + leaf});
  for (const char* tensor : kNormTensors) {
    names->push_back({timm + ".bn." + tensor, source + inner.norm + "." + tensor});
  }
}

// Takes "12." off the front of `text`; false if there is no number. Throws if it is out of any LeViT's range.
bool take_number(const std::string& name, std::string_view* text, uint32_t* number) {
  const size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
  if (digits == 0 || digits == text->size() || (*text)[digits] != '.') return false;
  *number =
      digits > 6 ? kLargestNumber : static_cast<uint32_t>(std::stoul(std::string(text->substr(0, digits))));
  if (*number >= kLargestNumber)
    throw std::runtime_error(in_quotes(name) + " has a number beyond any LeViT's blocks");
  text->remove_prefix(digits + 1);
  return true;
}

bool take(std::string_view* text, std::string_view start) {
  if (!starts_with(*text, start)) return false;
  text->remove_prefix(start.size());
  return true;
}

// Takes "12." off, whatever the number.
bool skip_number(std::string_view* text) {
  const size_t digits = text->find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || (*text)[digits] != '.') return false;
  text->remove_prefix(digits + 1);
  return true;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](auto start) { return starts_with(text, start); });
}

// As strict as it takes to tell a LeViT from the networks that count stages and blocks too.
bool is_body_name(Family family, std::string_view rest) {
  switch (family) {
    case Family::kTimm:
      if (take(&rest, "stem.conv")) return skip_number(&rest);
      if (!take(&rest, "stages.") || !skip_number(&rest)) return false;
      if (take(&rest, "downsample.")) return starts_with_any(rest, {"attn_downsample.", "mlp.ln"});
      return take(&rest, "blocks.") && skip_number(&rest) && starts_with_any(rest, {"attn.", "mlp.ln"});
    case Family::kOriginal:
      if (take(&rest, "patch_embed.")) return skip_number(&rest);
      return take(&rest, "blocks.") && skip_number(&rest) &&
             starts_with_any(rest, {"m.", "kv.", "q.", "proj.1.", "attention_bias"});
    default:
      if (take(&rest, "patch_embeddings.embedding_layer_")) return skip_number(&rest);
      return take(&rest, "encoder.stages.") && skip_number(&rest) && take(&rest, "layers.") &&
             skip_number(&rest) &&
             starts_with_any(rest, {"module.", "keys_values.", "queries.", "projection.", "attention_bias"});
  }
}

void find_timm_depths(const StateDict& dict, uint32_t depth[kStages]) {
  for (const auto& entry : dict) {
    std::string_view rest = entry.first;
    uint32_t stage, block;
    if (!take(&rest, "stages.") || !take_number(entry.first, &rest, &stage) || stage >= kStages ||
        !take(&rest, "blocks.") || !take_number(entry.first, &rest, &block)) {
      continue;
    }
    depth[stage] = std::max(depth[stage], block + 1);
  }
}

// A downsampling ends its stage, so that its place tells the depth; the last stage has none.
void find_hugging_face_depths(const StateDict& dict, uint32_t depth[kStages]) {
  for (const auto& entry : dict) {
    std::string_view rest = entry.first;
    uint32_t stage, layer;
    if (!take(&rest, "encoder.stages.") || !take_number(entry.first, &rest, &stage) || stage >= kStages ||
        !take(&rest, "layers.") || !take_number(entry.first, &rest, &layer)) {
      continue;
    }
    if (stage + 1 == kStages) depth[stage] = std::max(depth[stage], layer / 2 + 1);
    if (stage + 1 < kStages && !starts_with(rest, "module.")) depth[stage] = layer / 2;
  }
}

void find_original_depths(const StateDict& dict, uint32_t depth[kStages]) {
  std::set<uint32_t> downsamplings;
  uint32_t end = 0;
  for (const auto& entry : dict) {
    std::string_view rest = entry.first;
    uint32_t index;
    if (!take(&rest, "blocks.") || !take_number(entry.first, &rest, &index)) continue;
    if (!starts_with(rest, "m.")) downsamplings.insert(index);
    end = std::max(end, index + 1);
  }
  if (downsamplings.size() != kStages - 1) {
    throw std::runtime_error("not a whole LeViT: its names show " + std::to_string(downsamplings.size()) +
                             " downsamplings, not 2");
  }
  const uint32_t first = *downsamplings.begin(), second = *downsamplings.rbegin();
  depth[0] = first / 2;
  depth[1] = second < first + 2 ? 0 : (second - first - 2) / 2;
  depth[2] = end < second + 2 ? 0 : (end - second - 1) / 2;
}

}  // namespace

const char* family_name(Family family) {
  switch (family) {
    case Family::kOriginal:
      return "the original LeViT";
    case Family::kHuggingFace:
      return "Hugging Face transformers";
    default:
      return "timm";
  }
}

bool find_body_name(std::string_view name, Family* family, size_t* prefix_length) {
  for (size_t at = 0; at < name.size();) {
    const std::string_view rest = name.substr(at);
    for (const Family candidate : {Family::kTimm, Family::kOriginal, Family::kHuggingFace}) {
      if (!is_body_name(candidate, rest)) continue;
      *family = candidate;
      *prefix_length = at;
      return true;
    }
    const size_t dot = rest.find('.');
    at = dot == std::string_view::npos ? name.size() : at + dot + 1;
  }
  return false;
}

bool is_body_module(Family family, std::string_view module) {
  switch (family) {
    case Family::kTimm:
      return module == "stem" || module == "stages";
    case Family::kOriginal:
      return module == "patch_embed" || module == "blocks";
    default:
      return module == "patch_embeddings" || module == "encoder";
  }
}

std::string module_name(const Layer& layer) {
  char name[weights::kNameBytes];
  weights::layer_name(layer, name);
  return name;
}

std::string table_name(const Layer& layer) {
  const std::string module = module_name(layer);
  return module.substr(0, module.rfind('.')) + ".attention_biases";
}

void find_depths(const StateDict& dict, Family family, uint32_t depth[kStages]) {
  std::fill(depth, depth + kStages, 0u);
  if (family == Family::kTimm) find_timm_depths(dict, depth);
  if (family == Family::kOriginal) find_original_depths(dict, depth);
  if (family == Family::kHuggingFace) find_hugging_face_depths(dict, depth);
  for (size_t stage = 0; stage < kStages; ++stage) {
    if (depth[stage] > weights::kMaxDepth) {
      throw std::runtime_error("stage " + std::to_string(stage) + " has " + std::to_string(depth[stage]) +
                               " blocks, more than a LeViT may have");
    }
  }
}

std::vector<Layer> body_layers(const uint32_t depth[kStages]) {
  weights::Config config{1, weights::kSide, {8, 8, 8}, {1, 1, 1}, {depth[0], depth[1], depth[2]}, 8, 2, 4, 2};
  std::vector<Layer> layers(weights::layer_count(config));
  weights::list_layers(config, layers.data());
  layers.pop_back();
  return layers;
}

std::vector<NamePair> list_names(Family family, bool fused, const uint32_t depth[kStages]) {
  std::vector<NamePair> names;
  for (const Layer& layer : body_layers(depth)) {
    const InnerNames inner = inner_names(family, fused, layer.part == Part::kStem);
    list_module(module_name(layer), source_module(family, layer, depth), inner, &names);
    if (layer.table != 0) {
      names.push_back({table_name(layer), table_module(family, layer, depth) + "attention_biases"});
    }
  }
  return names;
}

std::string index_buffer_name(Family family, const Layer& layer, const uint32_t depth[kStages]) {
  return table_module(family, layer, depth) + "attention_bias_idxs";
}

}  // namespace levit::tools
