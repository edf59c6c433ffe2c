// Networks are found by the names of their bodies, whatever stands in front of these; the choice among
// several follows the order in which timm and the original's own scripts load them.
#include "tools/checkpoint/network.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <tuple>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

// The tensors below `prefix`, without it.
StateDict below(const StateDict& dict, const std::string& prefix) {
  StateDict inside;
  for (auto at = dict.lower_bound(prefix); at != dict.end() && starts_with(at->first, prefix); ++at) {
    inside.emplace(at->first.substr(prefix.size()), at->second);
  }
  return inside;
}

// The names of the family that a whole network needs.
bool is_needed(const std::string& timm_name, bool fused) {
  if (ends_with(timm_name, ".num_batches_tracked")) return false;
  const bool norm = timm_name.find(".bn.") != std::string::npos;
  return fused ? !norm : !ends_with(timm_name, ".linear.bias");
}

bool has_norms(const StateDict& inside) {
  return std::any_of(inside.begin(), inside.end(), [](const auto& entry) {
    Family family;
    size_t prefix;
    return ends_with(entry.first, ".running_var") && find_body_name(entry.first, &family, &prefix);
  });
}

// The names that the original has for what is inside its convolutions.
bool has_inner_names(const StateDict& inside) {
  return std::any_of(inside.begin(), inside.end(),
                     [](const auto& entry) { return ends_with(entry.first, ".c.weight"); });
}

void take_stock(const StateDict& dict, Network* network) {
  const StateDict inside = below(dict, network->prefix);
  find_depths(inside, network->family, network->depth);
  network->fused = network->family == Family::kOriginal ? !has_inner_names(inside) : !has_norms(inside);
  for (const NamePair& pair : list_names(network->family, network->fused, network->depth)) {
    if (is_needed(pair.timm, network->fused) && inside.count(pair.source) == 0) ++network->missing;
  }
  for (const uint32_t depth : network->depth) network->missing += depth == 0 ? 1 : 0;
}

// Whether a name speaks of averaged weights: "ema" as a word of it.
bool is_average(std::string_view path) {
  std::string word;
  for (const char c : path) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (word == "ema") return true;
    word.clear();
  }
  return word == "ema";
}

std::string_view container_of(const Network& network) {
  return std::string_view(network.prefix).substr(0, network.container);
}

// The order in which the dicts of a file are taken.
size_t container_rank(const Network& network) {
  const std::string_view container = container_of(network);
  size_t rank = 0;
  for (const std::string_view key :
       {"state_dict_ema.", "model_ema.", "", "state_dict.", "model_state_dict.", "model."}) {
    if (key.empty() ? is_average(container) : container == key) return rank;
    ++rank;
  }
  return rank;
}

std::string shown_place(const Network& network) {
  if (network.prefix.empty()) return "the top of the file";
  return in_quotes(std::string_view(network.prefix).substr(0, network.prefix.size() - 1));
}

std::string listed(const std::vector<const Network*>& networks) {
  std::string text;
  for (size_t i = 0; i < networks.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == networks.size() ? " and " : ", ") + shown_place(*networks[i]);
  }
  return text;
}

// Keeps those for which `rank` is smallest.
template <typename Rank>
void keep_best(std::vector<const Network*>* networks, Rank rank) {
  size_t best = SIZE_MAX;
  for (const Network* network : *networks) best = std::min(best, rank(*network));
  networks->erase(std::remove_if(networks->begin(), networks->end(),
                                 [&](const Network* network) { return rank(*network) != best; }),
                  networks->end());
}

// Of tensors beyond any LeViT's, which strides of 0 make of nothing, no copy is recognised.
bool same_values(const Tensor& a, const Tensor& b) {
  constexpr uint64_t kMost = uint64_t{1} << 26;
  return a.dtype == b.dtype && a.shape == b.shape && a.fault.empty() && b.fault.empty() &&
         element_count(a) <= kMost && (a.data == b.data || widened(a) == widened(b));
}

// Whether two whole networks of one size are copies of each other.
bool same_network(const StateDict& dict, const Network& a, const Network& b) {
  if (a.family != b.family || a.fused != b.fused) return false;
  for (const NamePair& pair : list_names(a.family, a.fused, a.depth)) {
    const auto left = dict.find(a.prefix + pair.source), right = dict.find(b.prefix + pair.source);
    if (left == dict.end() && right == dict.end()) continue;
    if (left == dict.end() || right == dict.end() || !same_values(left->second, right->second)) return false;
  }
  return true;
}

// "state_dict", "state_dict.model" and "model." all name a network below "state_dict.model.".
bool lies_at(const Network& network, std::string key) {
  if (!key.empty() && key.back() != '.') key += '.';
  return starts_with(network.prefix, key) ||
         starts_with(std::string_view(network.prefix).substr(network.container), key);
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
      if (indices[static_cast<size_t>(q * columns + k)] != int64_t{dy} * side + dx) return false;
    }
  }
  return true;
}

// Drops the buffers of bias indices, which the formula replaces.
void check_bias_indices(const Network& network, StateDict* dict) {
  std::string wrong;
  for (const weights::Layer& layer : body_layers(network.depth)) {
    if (layer.table == 0) continue;
    const auto found = dict->find(network.prefix + index_buffer_name(network.family, layer, network.depth));
    if (found == dict->end()) continue;
    if (!found->second.fault.empty() ||
        !holds_bias_indices(found->second, layer.grid, layer.part == weights::Part::kDownKv ? 2 : 1)) {
      wrong += (wrong.empty() ? "" : ", ") + printable(found->first);
    }
    dict->erase(found);
  }
  if (!wrong.empty()) throw std::runtime_error("bias indices other than |dy| * side + |dx|: " + wrong);
}

// Drops what a pickled module says of the body's activations, which are Hardswish.
void check_activations(const Network& network, StateDict* dict) {
  for (auto at = dict->lower_bound(network.prefix);
       at != dict->end() && starts_with(at->first, network.prefix);) {
    const std::string inside = at->first.substr(network.prefix.size());
    if (at->second.operation.empty() || !is_body_module(network.family, inside.substr(0, inside.find('.')))) {
      ++at;
      continue;
    }
    if (at->second.operation != "Hardswish")
      throw std::runtime_error("its activation " + in_quotes(at->first) + " is " + at->second.operation +
                               ", which is not supported");
    at = dict->erase(at);
  }
}

}  // namespace

std::vector<Network> find_networks(const StateDict& dict) {
  std::map<std::pair<std::string, Family>, Network> places;
  for (const auto& [name, tensor] : dict) {
    Family family;
    size_t length;
    if (!find_body_name(name, &family, &length)) continue;
    Network& network = places[{name.substr(0, length), family}];
    network.family = family;
    network.prefix = name.substr(0, length);
    network.container = std::min(tensor.container, length);
    ++network.found;
  }
  std::vector<Network> networks;
  for (auto& place : places) {
    try {
      take_stock(dict, &place.second);
    } catch (const std::runtime_error&) {
      if (places.size() == 1) throw;
      ++place.second.missing;  // a few names like a LeViT's, beside others
    }
    networks.push_back(place.second);
  }
  return networks;
}

const Network& choose_network(const std::vector<Network>& networks, const StateDict& dict,
                              const std::string& key) {
  std::vector<const Network*> left;
  for (const Network& network : networks) {
    if (lies_at(network, key)) left.push_back(&network);
  }
  if (left.empty()) {
    for (const Network& network : networks) left.push_back(&network);
    throw std::runtime_error("no LeViT lies at " + in_quotes(key) + " (--key); tensors of one lie at " +
                             listed(left));
  }
  const bool whole =
      std::any_of(left.begin(), left.end(), [](const Network* network) { return network->missing == 0; });
  if (!whole && left.size() > 1) {
    throw std::runtime_error("tensors of a LeViT lie at " + listed(left) +
                             ", at none of these a whole one; --key KEY takes one");
  }
  keep_best(&left, [](const Network& network) -> size_t { return network.missing == 0 ? 0 : 1; });
  keep_best(&left, container_rank);
  keep_best(&left, [](const Network& network) -> size_t {
    return is_average(std::string_view(network.prefix).substr(network.container)) ? 1 : 0;
  });
  for (const Network* other : left) {
    if (other == left.front() || same_network(dict, *left.front(), *other)) continue;
    throw std::runtime_error(std::to_string(left.size()) + " different LeViTs lie at " + listed(left) +
                             "; --key KEY takes one of them");
  }
  return *left.front();
}

StateDict body_tensors(const StateDict& dict, const Network& network, SourceNames* source_names,
                       std::vector<std::string>* rest) {
  StateDict others = dict, body;
  check_bias_indices(network, &others);
  check_activations(network, &others);
  for (const NamePair& pair : list_names(network.family, network.fused, network.depth)) {
    const std::string name = network.prefix + pair.source;
    (*source_names)[pair.timm] = name;
    const auto found = others.find(name);
    if (found == others.end()) continue;
    if (!found->second.fault.empty())
      throw std::runtime_error("tensor " + in_quotes(name) + ": " + found->second.fault);
    body.emplace(pair.timm, found->second);
    others.erase(found);
  }
  for (const auto& entry : others) rest->push_back(entry.first);
  return body;
}

}  // namespace levit::tools
