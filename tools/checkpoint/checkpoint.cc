#include "tools/checkpoint/checkpoint.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/message.h"
#include "tools/checkpoint/names.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/torch_file.h"
#include "tools/checkpoint/torch_tensor.h"
#include "weights/layout.h"

namespace levit::tools {
namespace {

constexpr const char* kStateDictKeys[] = {"state_dict_ema", "state_dict", "model_state_dict", "model"};

// Files that people take for checkpoints.
void refuse_other_files(std::string_view file) {
  if (file.empty()) throw std::runtime_error("the file is empty");
  if (starts_with(file, "version https://git-lfs")) {
    throw std::runtime_error("a Git LFS pointer, not the file it stands for (git lfs pull fetches it)");
  }
  if (starts_with(file, {reinterpret_cast<const char*>(weights::kMagic), sizeof weights::kMagic})) {
    throw std::runtime_error("a .levit file already");
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

// The dict with the tensors: one of those under the usual keys, or the whole.
const PickleValue& choose_state_dict(const TorchFile& file, std::string* place) {
  const Pickle& pickle = file.pickle;
  const PickleValue& root = pickle.at(pickle.root);
  if (root.kind != PickleKind::kDict) {
    throw std::runtime_error("it holds " + describe(pickle, pickle.root) + ", not a state dict" +
                             (root.kind == PickleKind::kCall ? "; nothing in it is executed" : ""));
  }
  for (const char* key : kStateDictKeys) {
    const PickleValue* value = pickle.find(root, key);
    if (value == nullptr) continue;
    if (value->kind == PickleKind::kCall) {
      throw std::runtime_error("its " + in_quotes(key) + " is " +
                               describe(pickle, static_cast<uint32_t>(value - pickle.values.data())) +
                               ", not a state dict; nothing in it is executed");
    }
    if (value->kind != PickleKind::kDict) continue;
    *place = key;
    return *value;
  }
  return root;
}

// Tensors may share storages, but a network does not hold much more than its file.
void check_total(const StateDict& tensors, size_t file_bytes) {
  uint64_t total = 0;
  for (const auto& entry : tensors) total += element_count(entry.second) * dtype_size(entry.second.dtype);
  if (total / 2 > file_bytes) {
    throw std::runtime_error("its tensors claim " + std::to_string(total) +
                             " bytes, more than twice the file's");
  }
}

StateDict read_tensors_of(std::string_view file, Checkpoint* checkpoint) {
  if (is_safetensors(file)) {
    checkpoint->container = "safetensors";
    return read_safetensors(file);
  }
  if (!is_torch_file(file)) throw std::runtime_error("neither a safetensors nor a PyTorch file");
  const TorchFile torch = open_torch_file(file);
  checkpoint->container = torch.container;
  const PickleValue& dict = choose_state_dict(torch, &checkpoint->place);
  return read_tensors(torch, dict, &checkpoint->ignored);
}

}  // namespace

Checkpoint read_checkpoint(std::string_view file) {
  refuse_other_files(file);
  Checkpoint checkpoint;
  const StateDict raw = read_tensors_of(file, &checkpoint);
  check_total(raw, file.size());
  NamedTensors named = rename_to_timm(raw);
  checkpoint.tensors = std::move(named.tensors);
  checkpoint.source_names = std::move(named.source_names);
  checkpoint.layout = std::string(family_name(named.family)) + (named.fused ? ", batch norms fused" : "");
  if (!named.prefix.empty())
    checkpoint.place += (checkpoint.place.empty() ? "prefix " : ", prefix ") + named.prefix;
  checkpoint.ignored.insert(checkpoint.ignored.end(), named.outside.begin(), named.outside.end());
  return checkpoint;
}

FoldedModel load_checkpoint(std::string_view file) {
  const Checkpoint checkpoint = read_checkpoint(file);
  return fold(checkpoint.tensors, checkpoint.source_names);
}

}  // namespace levit::tools
