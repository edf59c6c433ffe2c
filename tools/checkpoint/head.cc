// Every tensor that is not the body's belongs to a root, the first module of its own beside the modules that
// lead to the network. A root with a matrix in it could be the classifier; it is one if that matrix takes the
// pooled channels and nothing but batch norms stands around it. The rest of this file is about which of
// several roots it is, and errs on the side of asking: a wrong head gives confident wrong answers.
#include "tools/checkpoint/head.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr size_t kMostHeadTensors = 40;  // more are a network: a teacher, a discriminator
constexpr uint64_t kStockClasses = 1000;
constexpr std::array<std::array<const char*, 2>, 2> kPairs = {
    {{{"head", "head_dist"}}, {{"classifier", "classifier_distill"}}}};

enum class Kind : uint8_t { kLinear, kNorm, kScale, kOperation, kOther };

// A module that holds tensors itself.
struct Module {
  std::string name;
  Kind kind = Kind::kOther;
  uint64_t inputs = 0, outputs = 0;  // of a linear map; features of a norm or scale in both
  std::string what;                  // for people: "fc1 (384 to 512)"
};

// All tensors below one module that could be a classifier.
struct Root {
  std::string name;
  size_t level = 0;        // modules and dicts around it
  bool container = false;  // in the network's own state dict
  bool within = false;     // below the network's prefix
  std::vector<std::string> tensors;
  std::vector<Module> modules;
  bool candidate = false;
  bool network = false;  // another LeViT lies in it
  LinearHead head;
  uint64_t classes = 0;
  std::string fault;  // why it is not a linear head; empty: it is
};

std::string_view last_key(std::string_view name) {
  return name.substr(name.rfind('.') + 1);  // npos + 1 is 0
}

bool is_linear_shape(const std::vector<uint64_t>& shape) {
  return shape.size() >= 2 &&
         std::all_of(shape.begin() + 2, shape.end(), [](uint64_t size) { return size == 1; });
}

// Numbers that say nothing about the output: steps, epochs, indices.
bool is_counter(const std::string& name, const Tensor& tensor) {
  return ends_with(name, ".num_batches_tracked") || (tensor.fault.empty() && !is_floating(tensor.dtype));
}

std::string in_to_out(const std::vector<uint64_t>& shape) {
  return std::to_string(shape[1]) + " to " + std::to_string(shape[0]);
}

Module describe_module(const StateDict& dict, const std::string& name,
                       const std::vector<std::string>& leaves) {
  const auto tensor = [&](const char* leaf) -> const Tensor* {
    const auto found = dict.find(name + "." + leaf);
    return found == dict.end() ? nullptr : &found->second;
  };
  const auto known = [&](std::initializer_list<std::string_view> names) {
    return std::all_of(leaves.begin(), leaves.end(), [&](const std::string& leaf) {
      return std::find(names.begin(), names.end(), leaf) != names.end();
    });
  };
  const std::string shown = printable(name);
  Module module;
  module.name = name;
  const Tensor *weight = tensor("weight"), *mean = tensor("running_mean"), *variance = tensor("running_var");
  if ((mean != nullptr || variance != nullptr) &&
      known({"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})) {
    const std::vector<uint64_t>& shape = (mean != nullptr ? mean : variance)->shape;
    module.kind = Kind::kNorm;
    module.inputs = module.outputs = shape.empty() ? 0 : shape[0];
    module.what = shown + " (a batch norm of " + std::to_string(module.inputs) + ")";
  } else if (weight != nullptr && is_linear_shape(weight->shape) && known({"weight", "bias"})) {
    module.kind = Kind::kLinear;
    module.inputs = weight->shape[1];
    module.outputs = weight->shape[0];
    module.what = shown + " (a linear map of " + in_to_out(weight->shape) + ")";
  } else if (weight != nullptr && weight->shape.size() > 1 && known({"weight", "bias"})) {
    module.what = shown + " (a convolution of " + shape_text(weight->shape) + ")";
  } else if (weight != nullptr && known({"weight", "bias"})) {
    module.kind = Kind::kScale;
    module.inputs = module.outputs = weight->shape.empty() ? 1 : weight->shape[0];
    module.what =
        shown + " (a norm or scale without running statistics of " + shape_text(weight->shape) + ")";
  } else if (leaves.empty()) {
    module.what = shown + " (a parameter of " + shape_text(dict.at(name).shape) + ")";
  } else {
    module.what = shown + " (";
    for (const std::string& leaf : leaves)
      module.what += (&leaf == leaves.data() ? "" : ", ") + printable(leaf);
    module.what += ")";
  }
  return module;
}

// The modules of a root, counters left out.
void list_modules(const StateDict& dict, Root* root) {
  std::map<std::string, std::vector<std::string>> leaves;
  for (const std::string& name : root->tensors) {
    const size_t dot = name.rfind('.');
    const std::string& operation = dict.at(name).operation;
    if (is_counter(name, dict.at(name))) continue;
    if (!operation.empty()) {
      root->modules.push_back({name, Kind::kOperation, 0, 0, printable(name) + " (" + operation + ")"});
      continue;
    }
    if (dot == std::string::npos || dot < root->name.size()) {
      leaves[name];  // a parameter of its own, not in any module
    } else {
      leaves[name.substr(0, dot)].push_back(name.substr(dot + 1));
    }
  }
  for (const auto& [module, names] : leaves) root->modules.push_back(describe_module(dict, module, names));
  std::sort(root->modules.begin(), root->modules.end(),
            [](const Module& a, const Module& b) { return a.name < b.name; });
}

bool numbered_behind(const std::string& module, const std::string& other) {
  const auto number = [](const std::string& name) {
    const std::string_view last = last_key(name);
    const bool digits =
        !last.empty() && last.size() < 6 && last.find_first_not_of("0123456789") == std::string_view::npos;
    return digits ? std::stoi(std::string(last)) : -1;
  };
  return number(other) >= 0 && number(module) > number(other);
}

std::string all_modules(const Root& root) {
  std::string text;
  for (const Module& module : root.modules) text += (text.empty() ? "" : ", ") + module.what;
  return text;
}

// Sets the root's head, or its fault.
void examine(const StateDict& dict, uint64_t channels, Root* root) {
  for (const std::string& name : root->tensors) {
    const Tensor& tensor = dict.at(name);
    if (!tensor.fault.empty() && tensor.operation.empty())
      root->fault = "tensor " + in_quotes(name) + ": " + tensor.fault;
  }
  if (!root->fault.empty()) return;
  const auto refuse = [&](const std::string& why) {
    root->fault = "the classifier " + in_quotes(root->name) + " " + why + "; it holds " + all_modules(*root);
  };
  const auto count = [&](Kind kind) {
    return std::count_if(root->modules.begin(), root->modules.end(),
                         [kind](const Module& module) { return module.kind == kind; });
  };
  if (count(Kind::kLinear) == 0) return refuse("has no linear map");
  if (count(Kind::kLinear) > 1) return refuse("has hidden layers, only one linear map can be packed");
  if (count(Kind::kOther) + count(Kind::kScale) + count(Kind::kOperation) != 0)
    return refuse("is more than one linear map and batch norms");
  const Module& linear = *std::find_if(root->modules.begin(), root->modules.end(),
                                       [](const Module& m) { return m.kind == Kind::kLinear; });
  if (linear.inputs != channels) {
    return refuse("does not take the " + std::to_string(channels) + " channels that the network pools");
  }
  root->classes = linear.outputs;
  root->head = {root->name, linear.name, "", ""};
  for (const Module& module : root->modules) {
    if (module.kind != Kind::kNorm) continue;
    const bool behind = module.inputs == linear.outputs &&
                        (module.inputs != channels || numbered_behind(module.name, linear.name));
    std::string& place = behind ? root->head.behind : root->head.front;
    if (!place.empty()) return refuse("has two batch norms in one place");
    place = module.name;
  }
}

// What is left of a name when the modules around the network and the network's own are taken away: the root
// is the next module.
Root root_of(const std::string& name, const Network& network) {
  Root root;
  const std::string& prefix = network.prefix;
  size_t common = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (prefix.compare(0, dot + 1, name, 0, dot + 1) != 0) break;
    common = dot + 1;
    ++root.level;
  }
  root.name = name.substr(0, name.find('.', common));
  root.container = name.compare(0, network.container, prefix, 0, network.container) == 0;
  root.within = common == prefix.size();
  return root;
}

bool has_stock_name(const std::string& root) {
  for (const auto& pair : kPairs) {
    if (last_key(root) == pair[0] || last_key(root) == pair[1]) return true;
  }
  return false;
}

bool could_classify(const StateDict& dict, const Root& root, const Network& network) {
  if (root.within && is_body_module(network.family, last_key(root.name))) return false;
  size_t values = 0;
  bool matrix = false;
  for (const std::string& name : root.tensors) {
    const Tensor& tensor = dict.at(name);
    if (is_counter(name, tensor)) continue;
    ++values;
    if (!tensor.fault.empty() || tensor.shape.size() < 2) continue;
    if (!is_linear_shape(tensor.shape)) return false;  // windows of pixels: a network
    const bool colour = tensor.shape.size() > 2 && element_count(tensor) == 3;  // spread over a picture
    matrix = matrix || !colour;
  }
  return values <= kMostHeadTensors && (matrix || (values != 0 && has_stock_name(root.name)));
}

std::vector<Root> list_roots(const StateDict& dict, const std::vector<std::string>& rest,
                             const Network& network, const std::vector<Network>& networks,
                             uint64_t channels) {
  std::map<std::string, Root> roots;
  for (const std::string& name : rest) {
    Root root = root_of(name, network);
    roots.emplace(root.name, std::move(root)).first->second.tensors.push_back(name);
  }
  std::vector<Root> list;
  for (auto& entry : roots) {
    Root& root = entry.second;
    const bool holds_network = std::any_of(networks.begin(), networks.end(), [&](const Network& other) {
      return other.prefix != network.prefix && starts_with(other.prefix, root.name + ".");
    });
    root.network = holds_network;
    root.candidate = !holds_network && could_classify(dict, root, network);
    list_modules(dict, &root);
    if (root.candidate) examine(dict, channels, &root);
    list.push_back(std::move(root));
  }
  return list;
}

// A classifier as the network has it: one root, or a stock pair of them.
using Unit = std::vector<const Root*>;

std::string unit_name(const Unit& unit) {
  std::string text = in_quotes(unit[0]->name);
  if (unit.size() == 2) text += " with " + in_quotes(unit[1]->name);
  return text + (unit[0]->classes == 0 ? "" : " (" + std::to_string(unit[0]->classes) + " classes)");
}

std::string unit_names(const std::vector<Unit>& units) {
  std::string text;
  for (size_t i = 0; i < units.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == units.size() ? " and " : ", ") + unit_name(units[i]);
  }
  return text;
}

std::vector<Unit> pair_up(const std::vector<Root>& roots) {
  std::vector<Unit> units;
  for (const Root& root : roots) {
    if (!root.candidate) continue;
    const std::string folder = root.name.substr(0, root.name.size() - last_key(root.name).size());
    const auto partner = std::find_if(units.begin(), units.end(), [&](const Unit& unit) {
      return std::any_of(kPairs.begin(), kPairs.end(), [&](const auto& pair) {
        return unit[0]->name == folder + pair[0] && root.name == folder + pair[1];
      });
    });
    if (partner != units.end()) {
      partner->push_back(&root);
    } else {
      units.push_back({&root});
    }
  }
  return units;
}

// ImageNet's classes under the name that the network came with: what training on something else replaced.
bool is_stock(const Unit& unit) {
  return has_stock_name(unit[0]->name) && unit[0]->classes == kStockClasses;
}

// Whether `last` takes what `first` gives, which is not what the network gives: layers of one classifier that
// lie side by side.
bool feeds(const Root& first, const Root& last, uint64_t channels) {
  return first.classes != 0 && first.classes != channels &&
         std::any_of(last.modules.begin(), last.modules.end(), [&](const Module& module) {
           return module.kind == Kind::kLinear && module.inputs == first.classes;
         });
}

void refuse_layers(const std::vector<Unit>& units, uint64_t channels) {
  for (const Unit& first : units) {
    for (const Unit& last : units) {
      if (&first != &last && feeds(*first[0], *last[0], channels))
        throw std::runtime_error(
            "the classifier has hidden layers, only one linear map can be packed; it holds " +
            all_modules(*first[0]) + ", " + all_modules(*last[0]));
    }
  }
}

Unit choose_unit(std::vector<Unit> units, uint64_t channels) {
  if (units.empty()) return {};
  const auto drop = [&](auto condition) {
    units.erase(std::remove_if(units.begin(), units.end(), condition), units.end());
  };
  // Beside a classifier in the network's own dict, one in another dict counts if it could be the head.
  const bool own = std::any_of(units.begin(), units.end(), [](const Unit& u) { return u[0]->container; });
  if (own) drop([](const Unit& u) { return !u[0]->container && !u[0]->fault.empty(); });
  for (const bool container : {true, false}) {
    size_t outermost = SIZE_MAX;
    for (const Unit& unit : units) {
      if (unit[0]->container == container) outermost = std::min(outermost, unit[0]->level);
    }
    drop([&](const Unit& u) { return u[0]->container == container && u[0]->level != outermost; });
  }
  const auto stock = std::count_if(units.begin(), units.end(), is_stock);
  if (stock != 0 && stock + 1 == static_cast<ptrdiff_t>(units.size())) drop(is_stock);
  if (units.size() > 1) {
    refuse_layers(units, channels);
    throw std::runtime_error(std::to_string(units.size()) + " modules could be the classifier: " +
                             unit_names(units) + "; --head KEY takes one");
  }
  return units.front();
}

void check_unit(const Unit& unit) {
  for (const Root* root : unit) {
    if (!root->fault.empty()) throw std::runtime_error(root->fault);
  }
  if (unit.size() == 2 && unit[0]->classes != unit[1]->classes) {
    throw std::runtime_error(printable(unit[0]->name) + " has " + std::to_string(unit[0]->classes) +
                             " classes, " + printable(unit[1]->name) + " has " +
                             std::to_string(unit[1]->classes) + "; --head KEY takes one of them");
  }
}

// A batch norm that stands beside a classifier and not in it is the one in front of it. Anything else of one
// value a channel there, and an activation, changes what the classifier sees.
const Root* norm_beside(const std::vector<Root>& roots, const Unit& unit, uint64_t channels) {
  const Root* norm = nullptr;
  if (unit.size() != 1) return nullptr;
  for (const Root& root : roots) {
    if (root.candidate || root.level != unit[0]->level || root.container != unit[0]->container) continue;
    if (root.modules.size() != 1 || root.tensors.size() > 5) continue;
    const Module& module = root.modules[0];
    const bool of_channels =
        module.inputs == channels && (module.kind == Kind::kNorm || module.kind == Kind::kScale);
    if (!of_channels && module.kind != Kind::kOperation) continue;
    if (module.kind != Kind::kNorm || norm != nullptr || !unit[0]->head.front.empty()) {
      throw std::runtime_error("beside the classifier " + unit_name(unit) + " lies " + module.what +
                               ", which changes what it sees; --head KEY takes the classifier without it");
    }
    norm = &root;
  }
  return norm;
}

// The roots that --head names.
std::vector<Root> named_roots(const StateDict& dict, const std::vector<std::string>& rest,
                              const Network& network, uint64_t channels, const std::string& key) {
  std::vector<Root> roots;
  for (size_t at = 0; at <= key.size();) {
    const size_t comma = std::min(key.find(',', at), key.size());
    const std::string name = key.substr(at, comma - at);
    at = comma + 1;
    Root root;
    for (const std::string& folder :
         {std::string(), network.prefix.substr(0, network.container), network.prefix}) {
      if (!root.tensors.empty()) break;
      root.name = folder + name;
      for (const std::string& tensor : rest) {
        if (starts_with(tensor, root.name + ".")) root.tensors.push_back(tensor);
      }
    }
    if (root.tensors.empty()) throw std::runtime_error("it has no module " + in_quotes(name) + " (--head)");
    list_modules(dict, &root);
    examine(dict, channels, &root);
    roots.push_back(std::move(root));
  }
  if (roots.size() > 2) throw std::runtime_error("more than two modules as --head");
  return roots;
}

// What the tensors are that no classifier took.
void sort_others(const StateDict& dict, const std::vector<Root>& roots, const Network& network, bool forced,
                 Head* head) {
  for (const Root& root : roots) {
    std::vector<std::string> others;
    for (const std::string& name : root.tensors) {
      if (std::find(head->used.begin(), head->used.end(), name) == head->used.end()) others.push_back(name);
    }
    if (others.empty()) continue;
    if (root.candidate) head->left.push_back(root.name);
    const bool body = root.within && is_body_module(network.family, last_key(root.name));
    const bool network_like = root.tensors.size() > kMostHeadTensors;
    for (const std::string& name : others) {
      const Tensor& tensor = dict.at(name);
      const bool harmless = root.candidate || (network_like && !body) || (forced && !body) ||
                            is_counter(name, tensor) || (!tensor.fault.empty() && !body);
      if (!root.within || harmless) {
        const bool listed = root.candidate || root.network || is_counter(name, tensor);
        if (root.container && !listed) head->beside.push_back(name);
      } else {
        head->alien.push_back(name);
      }
    }
  }
}

}  // namespace

Head find_head(const StateDict& dict, const std::vector<std::string>& rest, const Network& network,
               const std::vector<Network>& networks, uint64_t channels, const HeadChoice& choice) {
  const std::vector<Root> roots = list_roots(dict, rest, network, networks, channels);
  const bool search = !choice.none && choice.key.empty();
  std::vector<Root> named;
  if (!choice.key.empty()) named = named_roots(dict, rest, network, channels, choice.key);
  Unit unit;
  if (search) unit = choose_unit(pair_up(roots), channels);
  for (const Root& root : named) unit.push_back(&root);
  check_unit(unit);
  Head head;
  for (const Root* root : unit) {
    head.maps.push_back(root->head);
    head.used.insert(head.used.end(), root->tensors.begin(), root->tensors.end());
  }
  const Root* norm = search ? norm_beside(roots, unit, channels) : nullptr;
  if (norm != nullptr) {
    head.maps[0].front = norm->modules[0].name;
    head.used.insert(head.used.end(), norm->tensors.begin(), norm->tensors.end());
  }
  sort_others(dict, roots, network, !search, &head);
  return head;
}

}  // namespace levit::tools
