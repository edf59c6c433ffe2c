#include "tools/checkpoint/names.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

// The wrappers that training adds around a network: DistributedDataParallel, Lightning, torch.compile.
std::string wrapper_prefix(std::string_view name) {
  std::string_view rest = name;
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : {"module.", "model.", "_orig_mod."}) {
      if (!starts_with(rest, wrapper)) continue;
      rest.remove_prefix(wrapper.size());
      found = true;
    }
  }
  return std::string(name.substr(0, name.size() - rest.size()));
}

// The prefix that most tensors have.
std::string common_prefix(const StateDict& dict) {
  std::map<std::string, size_t> tensors;
  for (const auto& entry : dict) ++tensors[wrapper_prefix(entry.first)];
  const auto most = std::max_element(tensors.begin(), tensors.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == tensors.end() ? "" : most->first;
}

// |dy| * side + |dx| between every query and key of a token grid.
bool holds_bias_indices(const Tensor& tensor, uint32_t side, uint32_t stride) {
  const uint32_t queries = (side + stride - 1) / stride;
  const uint64_t rows = uint64_t{queries} * queries, columns = uint64_t{side} * side;
  if (is_floating(tensor.dtype) || tensor.shape != std::vector<uint64_t>{rows, columns}) return false;
  const std::vector<int64_t> indices = integers(tensor);
  for (uint32_t q = 0; q < rows; ++q) {
    for (uint32_t k = 0; k < columns; ++k) {
      const int dy = std::abs(static_cast<int>(q / queries * stride) - static_cast<int>(k / side));
      const int dx = std::abs(static_cast<int>(q % queries * stride) - static_cast<int>(k % side));
      if (indices[q * columns + k] != int64_t{dy} * side + dx) return false;
    }
  }
  return true;
}

// Drops the buffers of bias indices, which the formula replaces.
void check_bias_indices(Family family, const uint32_t depth[weights::kStages], StateDict* dict) {
  std::string wrong;
  for (const weights::Layer& layer : body_layers(depth)) {
    if (layer.table == 0) continue;
    const auto found = dict->find(index_buffer_name(family, layer, depth));
    if (found == dict->end()) continue;
    if (!holds_bias_indices(found->second, layer.grid, layer.part == weights::Part::kDownKv ? 2 : 1)) {
      wrong += (wrong.empty() ? "" : ", ") + printable(found->first);
    }
    dict->erase(found);
  }
  if (!wrong.empty()) throw std::runtime_error("bias indices other than |dy| * side + |dx|: " + wrong);
}

// The tensors below `prefix` without it; the others' names go to `outside`.
StateDict strip(const StateDict& dict, const std::string& prefix, std::vector<std::string>* outside) {
  StateDict inside;
  for (const auto& [name, tensor] : dict) {
    if (starts_with(name, prefix)) {
      inside.emplace(name.substr(prefix.size()), tensor);
    } else {
      outside->push_back(name);
    }
  }
  return inside;
}

bool lacks_inner_names(const StateDict& dict) {
  return std::none_of(dict.begin(), dict.end(),
                      [](const auto& entry) { return ends_with(entry.first, ".c.weight"); });
}

// A tensor outside the prefix is harmless unless it could be one of the network's.
void refuse_two_networks(const std::vector<std::string>& outside, const std::vector<NamePair>& names) {
  for (const std::string& name : outside) {
    const std::string_view bare = std::string_view(name).substr(wrapper_prefix(name).size());
    for (const NamePair& pair : names) {
      if (pair.source == bare) {
        throw std::runtime_error("tensors of a LeViT under two prefixes, among them " + in_quotes(name));
      }
    }
  }
}

}  // namespace

NamedTensors rename_to_timm(const StateDict& dict) {
  NamedTensors result;
  result.prefix = common_prefix(dict);
  StateDict inside = strip(dict, result.prefix, &result.outside);
  if (!find_family(inside, &result.family)) {
    throw std::runtime_error(dict.empty()
                                 ? "it holds no tensors"
                                 : "not a LeViT: none of its " + std::to_string(dict.size()) +
                                       " tensors has a name of timm's, the original's or Hugging Face's (" +
                                       in_quotes(dict.begin()->first) + ")");
  }
  uint32_t depth[weights::kStages];
  find_depths(inside, result.family, depth);
  check_bias_indices(result.family, depth, &inside);
  result.fused = result.family == Family::kOriginal && lacks_inner_names(inside);
  const std::vector<NamePair> names = list_names(result.family, result.fused, depth);
  refuse_two_networks(result.outside, names);
  for (const NamePair& pair : names) {
    result.source_names[pair.timm] = result.prefix + pair.source;
    const auto found = inside.find(pair.source);
    if (found == inside.end()) continue;
    result.tensors.emplace(pair.timm, found->second);
    inside.erase(found);
  }
  for (const auto& [name, tensor] : inside) {
    if (!result.tensors.emplace(name, tensor).second) {
      throw std::runtime_error("the same tensor under two names, one of them " +
                               in_quotes(result.prefix + name));
    }
    result.source_names[name] = result.prefix + name;
  }
  return result;
}

}  // namespace levit::tools
