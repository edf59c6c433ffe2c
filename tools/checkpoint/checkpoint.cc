// The way from bytes to a checkpoint: what file it is, where the network lies (network.h), what it is
// (configuration.h), which head it has (head.h).
#include "tools/checkpoint/checkpoint.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/message.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/torch_file.h"
#include "weights/layout.h"

namespace levit::tools {
namespace {

// What other programs' files begin with.
struct OtherFormat {
  std::string_view start;
  const char* what;
};
constexpr OtherFormat kOtherFormats[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the file it stands for (git lfs pull fetches it)"},
    {"\x89LVT", "a .levit file already"},
    {"GGUF", "a GGUF file, which no LeViT comes in"},
    {"\x89HDF", "an HDF5 file (Keras), not a PyTorch checkpoint"},
    {"\x1f\x8b", "compressed with gzip; unpack it first"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"},
    {"\xfd"
     "7zXZ",
     "compressed with xz; unpack it first"},
    {"BZh", "compressed with bzip2; unpack it first"},
    {"\x93NUMPY", "a NumPy array, not a checkpoint"},
    {"7z\xbc\xaf\x27\x1c", "compressed with 7-Zip; unpack it first"},
    {"Rar!", "compressed with RAR; unpack it first"},
};

// A Protocol Buffers message of ONNX: its version, then who wrote it.
bool is_onnx(std::string_view file) {
  return file.size() > 16 && file[0] == 0x08 && file[2] == 0x12 &&
         file.substr(0, 64).find("pytorch") != std::string_view::npos;
}

bool is_tar(std::string_view file) {
  constexpr size_t kMagicAt = 257;
  return file.size() > kMagicAt && starts_with(file.substr(kMagicAt), "ustar");
}

// Files that people take for checkpoints.
void refuse_other_files(std::string_view file) {
  if (file.empty()) throw std::runtime_error("the file is empty");
  for (const OtherFormat& format : kOtherFormats) {
    if (starts_with(file, format.start)) throw std::runtime_error(format.what);
  }
  if (is_tar(file)) throw std::runtime_error("a tar archive; unpack it first");
  if (is_onnx(file)) {
    throw std::runtime_error(
        "an ONNX model, whose tensors have other names; pack the checkpoint that it was exported from");
  }
  if (starts_with(file, "{") && file.find("\"weight_map\"") != std::string_view::npos) {
    throw std::runtime_error(
        "the index of a sharded checkpoint, which names the files that hold it; save the model in one file "
        "(save_pretrained with max_shard_size=\"10GB\") and pack that");
  }
  const std::string_view start = file.substr(0, 64);
  if (std::all_of(start.begin(), start.end(),
                  [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t'; })) {
    throw std::runtime_error("text, not a checkpoint (" +
                             in_quotes(start.substr(0, start.find_first_of("\r\n"))) + ")");
  }
}

bool is_safetensors(std::string_view file) {
  return file.size() > 8 && (file[8] == '{' || file[8] == '[');
}

// Tensors may share storages or repeat an element, but a network does not hold much more than its file.
void check_total(const StateDict& tensors, size_t file_bytes) {
  constexpr uint64_t kSmall = uint64_t{1} << 24;
  uint64_t total = 0, bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    const bool fits = !__builtin_mul_overflow(element_count(tensor), dtype_size(tensor.dtype), &bytes) &&
                      !__builtin_add_overflow(total, bytes, &total);
    if (!fits || total / 2 > file_bytes + kSmall) {
      throw std::runtime_error("its tensors claim more than twice the file's bytes, " + in_quotes(name) +
                               " " + shape_text(tensor.shape) + " among them");
    }
  }
}

StateDict read_tensors_of(std::string_view file, std::string* container) {
  if (is_safetensors(file)) {
    *container = "safetensors";
    return read_safetensors(file);
  }
  if (!is_torch_file(file)) throw std::runtime_error("neither a safetensors nor a PyTorch file");
  const TorchFile torch = open_torch_file(file);
  *container = torch.container;
  return read_tensors(torch);
}

// What is wrong with the first tensor that cannot be read; empty when all can.
std::string first_fault(const StateDict& dict) {
  for (const auto& [name, tensor] : dict) {
    if (!tensor.fault.empty() && tensor.operation.empty())
      return "tensor " + in_quotes(name) + ": " + tensor.fault;
  }
  return "";
}

[[noreturn]] void refuse_without_network(const StateDict& dict) {
  if (dict.empty()) throw std::runtime_error("it holds no tensors");
  const std::string fault = first_fault(dict);
  const bool readable =
      std::any_of(dict.begin(), dict.end(), [](const auto& entry) { return entry.second.fault.empty(); });
  if (!readable) throw std::runtime_error(fault);
  throw std::runtime_error("not a LeViT: none of its " + std::to_string(dict.size()) +
                           " tensors has a name of timm's, the original's or Hugging Face's (" +
                           in_quotes(dict.begin()->first) + ")" + (fault.empty() ? "" : "; " + fault));
}

void refuse_missing_stages(const StateDict& dict, const Network& network) {
  std::string empty;
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    if (network.depth[stage] == 0)
      empty += (empty.empty() ? "" : ", ") + std::string("stages.") + std::to_string(stage);
  }
  if (!empty.empty()) {
    const auto below = std::count_if(dict.begin(), dict.end(), [&](const auto& entry) {
      return starts_with(entry.first, network.prefix);
    });
    throw std::runtime_error("not a whole LeViT: " + std::to_string(below) + " tensors, and every block of " +
                             empty + " is missing");
  }
}

[[noreturn]] void refuse_without_classifier(const StateDict& dict, const Head& head) {
  constexpr size_t kMostNamed = 8;
  std::string others;
  size_t count = 0;
  for (const auto* names : {&head.alien, &head.beside}) {
    for (const std::string& name : *names) {
      if (++count <= kMostNamed)
        others += (count == 1 ? "" : ", ") + printable(name) + " " + shape_text(dict.at(name).shape);
    }
  }
  if (count > kMostNamed) others += ", ...";
  throw std::runtime_error(
      (count == 0 ? "it has no classifier (num_classes=0, or a bare encoder)"
                  : "it has no classifier of one linear map; beside the network it holds " + others) +
      "; --no-head packs it as a base for levit finetune");
}

// The tensors of one module, under the name that the folding knows it by.
void take_module(const StateDict& dict, const std::string& module, const std::string& name,
                 Checkpoint* checkpoint) {
  for (const char* leaf : {"weight", "bias", "running_mean", "running_var"}) {
    const std::string source = module + "." + leaf, target = name + "." + leaf;
    checkpoint->source_names[target] = source;
    const auto found = dict.find(source);
    if (found != dict.end()) checkpoint->tensors[target] = found->second;
  }
}

void take_head(const StateDict& dict, Checkpoint* checkpoint) {
  for (size_t i = 0; i < checkpoint->head.maps.size(); ++i) {
    const LinearHead& map = checkpoint->head.maps[i];
    const std::string name = i == 0 ? "head" : "head_dist";
    take_module(dict, map.linear, name + ".linear", checkpoint);
    if (!map.front.empty()) take_module(dict, map.front, name + ".bn", checkpoint);
    if (!map.behind.empty()) take_module(dict, map.behind, name + ".bn_behind", checkpoint);
  }
  if (checkpoint->head.maps.empty()) return;
  const uint64_t classes = checkpoint->tensors.at("head.linear.weight").shape[0];
  if (classes == 0 || classes > weights::kMaxClasses) {
    throw std::runtime_error(in_quotes(checkpoint->head.maps[0].linear) + " has " + std::to_string(classes) +
                             " classes, not 1 to " + std::to_string(weights::kMaxClasses));
  }
  checkpoint->configuration.config.classes = static_cast<uint32_t>(classes);
}

}  // namespace

Checkpoint find_checkpoint(const StateDict& dict, const ReadOptions& options) {
  const std::vector<Network> networks = find_networks(dict);
  if (networks.empty()) refuse_without_network(dict);
  const Network& network = choose_network(networks, dict, options.key);
  // Of a network that is not whole, a tensor that cannot be read is the likelier cause.
  if (network.missing != 0 && !first_fault(dict).empty()) throw std::runtime_error(first_fault(dict));
  refuse_missing_stages(dict, network);
  Checkpoint checkpoint;
  std::vector<std::string> rest;
  checkpoint.tensors = body_tensors(dict, network, &checkpoint.source_names, &rest);
  checkpoint.configuration = infer_configuration(checkpoint.tensors);
  const uint64_t channels = checkpoint.configuration.config.dims[weights::kStages - 1];
  checkpoint.normalisation = take_normalisation(dict, network, &rest);
  checkpoint.head = find_head(dict, rest, network, networks, channels, options.head);
  if (checkpoint.head.maps.empty() && !options.head.none) refuse_without_classifier(dict, checkpoint.head);
  take_head(dict, &checkpoint);
  checkpoint.family = network.family;
  checkpoint.layout = std::string(family_name(network.family)) + (network.fused ? ", batch norms fused" : "");
  checkpoint.place = network.prefix;
  checkpoint.ignored = checkpoint.head.beside;
  for (const Network& other : networks) {
    if (&other != &network) checkpoint.other_networks.push_back(other.prefix);
  }
  return checkpoint;
}

Checkpoint read_checkpoint(std::string_view file, const ReadOptions& options) {
  refuse_other_files(file);
  std::string container;
  const StateDict tensors = read_tensors_of(file, &container);
  Checkpoint checkpoint = find_checkpoint(tensors, options);
  check_total(checkpoint.tensors, file.size());
  checkpoint.container = container;
  return checkpoint;
}

FoldedModel load_checkpoint(std::string_view file, const ReadOptions& options) {
  return fold(read_checkpoint(file, options));
}

}  // namespace levit::tools
