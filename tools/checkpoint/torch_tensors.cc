// The tensors of torch.save, and the walk through what was saved. Storages are checked (CRC-32) when a tensor
// first needs them: an optimizer's are never read.
#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/message.h"
#include "tools/checkpoint/torch_file.h"
#include "tools/checkpoint/zip.h"

namespace levit::tools {
namespace {

// A function's name and the tuple of its arguments.
struct Call {
  std::string name;
  const PickleValue* arguments;
};

const PickleValue& argument(const Pickle& pickle, const PickleValue& arguments, size_t i) {
  if (i >= arguments.items.size()) throw std::runtime_error("rebuilt from too few arguments");
  return pickle.at(arguments.items[i]);
}

// What is left of a tensor's call when the wrappers around it are taken away: parameters and subclasses of
// tensors.
// Ends, since a tuple holds only what was made before it.
Call unwrapped(const Pickle& pickle, uint32_t index) {
  Call call{pickle.global_name(index), &pickle.at(pickle.at(index).items[1])};
  for (;;) {
    if (call.name == "torch._utils._rebuild_parameter" ||
        call.name == "torch._utils._rebuild_parameter_with_state" ||
        call.name == "torch.nn.parameter.Parameter") {
      const PickleValue& tensor = argument(pickle, *call.arguments, 0);
      if (tensor.kind != PickleKind::kCall) throw std::runtime_error("a parameter without a tensor");
      call = {pickle.global_name(call.arguments->items[0]), &pickle.at(tensor.items[1])};
    } else if (call.name == "torch._tensor._rebuild_from_type_v2" ||
               call.name == "torch._tensor._rebuild_from_type") {  // function, type, arguments, state
      const PickleValue& arguments = argument(pickle, *call.arguments, 2);
      if (arguments.kind != PickleKind::kTuple)
        throw std::runtime_error("rebuilt from arguments that are not a tuple");
      call = {pickle.global_name(call.arguments->items[0]), &arguments};
    } else {
      return call;
    }
  }
}

std::vector<uint64_t> dimensions(const Pickle& pickle, const PickleValue& tuple, const char* what) {
  if (tuple.kind != PickleKind::kTuple) throw std::runtime_error(std::string("no tuple of ") + what + "s");
  if (tuple.items.size() > kMaxRank) throw std::runtime_error("too many dimensions");
  std::vector<uint64_t> numbers;
  for (const uint32_t item : tuple.items) {
    const PickleValue& number = pickle.at(item);
    if (number.kind != PickleKind::kInt)
      throw std::runtime_error(std::string("a ") + what + " that is no integer of 64 bits");
    if (number.number < 0) throw std::runtime_error(std::string("a negative ") + what);
    numbers.push_back(static_cast<uint64_t>(number.number));
  }
  return numbers;
}

// One more than the index of the tensor's last element in its storage; false if that overflows.
bool storage_end(const Tensor& tensor, uint64_t offset, uint64_t* end) {
  *end = offset;
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    uint64_t step;
    if (__builtin_mul_overflow(tensor.shape[d] - 1, tensor.stride[d], &step)) return false;
    if (__builtin_add_overflow(*end, step, end)) return false;
  }
  return !__builtin_add_overflow(*end, uint64_t{1}, end);
}

class TensorReader {
 public:
  explicit TensorReader(const TorchFile& file) : file_(file) {}

  Tensor read(uint32_t index) {
    const Pickle& pickle = file_.pickle;
    const Call call = unwrapped(pickle, index);
    if (call.name != "torch._utils._rebuild_tensor_v2" && call.name != "torch._utils._rebuild_tensor") {
      throw std::runtime_error("made by calling " + shown_global(call.name) + ", which is never executed");
    }
    const PickleValue& offset = argument(pickle, *call.arguments, 1);
    Tensor tensor;
    tensor.shape = dimensions(pickle, argument(pickle, *call.arguments, 2), "size");
    tensor.stride = dimensions(pickle, argument(pickle, *call.arguments, 3), "stride");
    if (tensor.shape.size() != tensor.stride.size()) throw std::runtime_error("not as many strides as sizes");
    if (offset.kind != PickleKind::kInt || offset.number < 0)
      throw std::runtime_error("an impossible storage offset");
    const StorageId id = parse_storage_id(pickle, call.arguments->items[0]);
    const uint64_t begin = first_element(id, tensor, static_cast<uint64_t>(offset.number));
    tensor.dtype = id.dtype;
    tensor.data = storage_bytes(id) + begin * dtype_size(id.dtype);
    return tensor;
  }

 private:
  // Where in its storage a tensor begins, in elements, all of it being inside.
  static uint64_t first_element(const StorageId& id, const Tensor& tensor, uint64_t offset) {
    if (id.view && (id.view_offset > id.count || id.view_count > id.count - id.view_offset)) {
      throw std::runtime_error("in a view beyond the end of its storage");
    }
    const uint64_t stored = id.view ? id.view_count : id.count;
    uint64_t count, end;
    if (!element_count(tensor.shape, &count)) {
      throw std::runtime_error("the number of elements of " + shape_text(tensor.shape) +
                               " overflows 64 bits");
    }
    if (count == 0) return 0;
    if (!storage_end(tensor, offset, &end) || end > stored) {
      throw std::runtime_error("it reaches beyond its storage: offset " + std::to_string(offset) +
                               ", sizes " + shape_text(tensor.shape) + ", strides " +
                               shape_text(tensor.stride) + ", storage of " + std::to_string(stored) +
                               " elements");
    }
    return (id.view ? id.view_offset : 0) + offset;
  }

  // A storage that is there, is long enough and is not damaged; its check sum is computed once.
  const uint8_t* storage_bytes(const StorageId& id) {
    const std::string storage = "in storage " + in_quotes(id.key);
    const auto found = file_.storages.find(id.key);
    if (found == file_.storages.end()) throw std::runtime_error(storage + ", which is not in the file");
    const StorageBytes& bytes = found->second;
    if (id.count > bytes.data.size() / dtype_size(id.dtype)) {
      throw std::runtime_error(storage + " of " + std::to_string(id.count) +
                               " elements, of which the file has only " + std::to_string(bytes.data.size()) +
                               " bytes");
    }
    if (!bytes.entry.empty() && checked_.insert(id.key).second)
      checked_data(bytes.entry, {bytes.data, bytes.crc});
    return reinterpret_cast<const uint8_t*>(bytes.data.data());
  }

  const TorchFile& file_;
  std::set<std::string> checked_;
};

// The modules that have no tensors and are no linear maps, by their last name; empty for any other. What ends
// a classifier (softmax) gives the same order of its logits.
std::string nonlinear(const std::string& name) {
  std::string last = name.substr(name.rfind('.') + 1);
  if (starts_with(name, "torch.nn.modules.activation."))
    return last == "Softmax" || last == "LogSoftmax" || last == "Sigmoid" ? "" : last;
  if (starts_with(name, "torch.nn.modules.normalization.")) return last;
  return starts_with(name, "torch.nn.modules.pooling.") && last.find("Max") != std::string::npos ? last : "";
}

// Walks through what was saved, each container once: values may be shared, or contain themselves.
class Walk {
 public:
  explicit Walk(const TorchFile& file)
      : pickle_(file.pickle), reader_(file), visited_(pickle_.values.size()) {}

  StateDict tensors() {
    if (!is_leaf_call(pickle_.root)) visit(pickle_.root, "", 0);
    if (tensors_.empty() && unnamed_ != 0)
      throw std::runtime_error("its " + std::to_string(unnamed_) + " tensors have no names, only places in " +
                               (unnamed_place_.empty() ? "a list" : in_quotes(unnamed_place_)) +
                               "; copy them into the model and save its state_dict()");
    if (tensors_.empty() && optimizer_)
      throw std::runtime_error("it holds the state of an optimizer, and no network");
    return std::move(tensors_);
  }

 private:
  static constexpr int kDeepest = 32;
  static constexpr size_t kLongestName = 1024;

  bool is_tensor(uint32_t index) const {
    const std::string name = pickle_.global_name(index);
    return pickle_.at(index).kind == PickleKind::kCall &&
           (starts_with(name, "torch._utils._rebuild_") || starts_with(name, "torch._tensor._rebuild_") ||
            name == "torch.nn.parameter.Parameter");
  }

  // An object of which the file says no more than how it is made.
  bool is_leaf_call(uint32_t index) const {
    const PickleValue& value = pickle_.at(index);
    return value.kind == PickleKind::kCall && !is_tensor(index) && value.items.size() == 2 &&
           value.state == 0;
  }

  void visit(uint32_t index, const std::string& path, int depth) {
    const PickleValue& value = pickle_.at(index);
    if (depth == kDeepest || path.size() > kLongestName || visited_[index]) return;
    switch (value.kind) {
      case PickleKind::kDict:
        visited_[index] = true;
        if (!is_optimizer(value)) return visit_pairs(value, 0, path, depth);
        optimizer_ = true;
        return;
      case PickleKind::kList:
      case PickleKind::kTuple:
        visited_[index] = true;
        for (size_t i = 0; i < value.items.size(); ++i)
          visit_numbered(value.items[i], path + std::to_string(i), depth);
        return;
      case PickleKind::kCall:
        visited_[index] = true;
        if (is_module(value)) return visit_module(value, path, path.size(), depth);
        visit_pairs(value, 2, path, depth);
        if (value.state != 0) visit(value.state, path, depth + 1);
        return;
      default:
        return;
    }
  }

  void visit_pairs(const PickleValue& dict, size_t first, const std::string& path, int depth) {
    for (size_t i = first; i + 1 < dict.items.size(); i += 2) {
      const PickleValue& key = pickle_.at(dict.items[i]);
      if (key.kind == PickleKind::kString) {
        visit_item(dict.items[i + 1], path + std::string(key.text), path.size(), depth);
      } else if (key.kind == PickleKind::kInt) {
        visit_numbered(dict.items[i + 1], path + std::to_string(key.number), depth);
      }
    }
  }

  // A tensor that has a number for a name is none of a network's.
  void visit_numbered(uint32_t index, const std::string& name, int depth) {
    if (is_tensor(index) && unnamed_++ == 0)
      unnamed_place_ = name.substr(0, std::min(name.rfind('.'), name.size() - 1));
    if (!is_tensor(index) && !is_leaf_call(index)) visit(index, name + ".", depth + 1);
  }

  bool is_array(uint32_t index) const {
    const std::string name = pickle_.global_name(index);
    return pickle_.at(index).kind == PickleKind::kCall && starts_with(name, "numpy.") &&
           ends_with(name, "._reconstruct");
  }

  // `container`: how much of the name leads to the dict or module that holds the tensor.
  void visit_item(uint32_t index, const std::string& name, size_t container, int depth) {
    if (is_tensor(index)) {
      add(index, name, container);
    } else if (is_leaf_call(index)) {
      add_fault(name, container,
                "made by calling " + shown_global(pickle_.global_name(index)) + ", which is never executed");
    } else if (is_array(index)) {
      add_fault(name, container, "a NumPy array, which is not read; torch.from_numpy() makes a tensor of it");
    } else {
      visit(index, name + ".", depth + 1);
    }
  }

  // {'state': ..., 'param_groups': ...}: moments, more bytes than the network has.
  bool is_optimizer(const PickleValue& dict) const {
    return pickle_.find(dict, "state") != nullptr && pickle_.find(dict, "param_groups") != nullptr;
  }

  // torch.nn.Module keeps its tensors in three dicts among its attributes.
  bool is_module(const PickleValue& object) const {
    const PickleValue& state = pickle_.at(object.state);
    return state.kind == PickleKind::kDict && pickle_.find(state, "_modules") != nullptr &&
           pickle_.find(state, "_parameters") != nullptr;
  }

  void visit_module(const PickleValue& module, const std::string& path, size_t container, int depth) {
    const PickleValue& state = pickle_.at(module.state);
    const PickleValue* const epsilon = pickle_.find(state, "eps");
    for (const char* kind : {"_parameters", "_buffers"}) {
      const PickleValue* dict = pickle_.find(state, kind);
      for (size_t i = 0; dict != nullptr && i + 1 < dict->items.size(); i += 2) {
        const std::string name = path + std::string(pickle_.at(dict->items[i]).text);
        if (!is_tensor(dict->items[i + 1])) continue;
        add(dict->items[i + 1], name, container);
        const auto added = tensors_.find(name);
        if (added != tensors_.end() && epsilon != nullptr && epsilon->real >= 0 && epsilon->real < 1)
          added->second.epsilon = epsilon->real;
      }
    }
    const PickleValue& children = *pickle_.find(state, "_modules");
    for (size_t i = 0; i + 1 < children.items.size(); i += 2) {
      const uint32_t child = children.items[i + 1];
      const std::string name = path + std::string(pickle_.at(children.items[i]).text), below = name + ".";
      add_operation(child, name, container);
      if (visited_[child] || depth == kDeepest || below.size() > kLongestName) continue;
      visited_[child] = true;
      if (is_module(pickle_.at(child))) visit_module(pickle_.at(child), below, container, depth + 1);
    }
  }

  void add(uint32_t index, const std::string& name, size_t container) {
    if (name.size() > kLongestName) return;
    try {
      Tensor tensor = reader_.read(index);
      tensor.container = container;
      tensors_[name] = std::move(tensor);
    } catch (const std::runtime_error& error) {
      add_fault(name, container, error.what());
    }
  }

  void add_operation(uint32_t module, const std::string& name, size_t container) {
    const std::string operation = nonlinear(pickle_.global_name(module));
    if (operation.empty() || name.size() > kLongestName) return;
    add_fault(name, container, "a module, not a tensor");
    tensors_[name].operation = operation;
  }

  void add_fault(const std::string& name, size_t container, const std::string& fault) {
    if (name.size() > kLongestName) return;
    Tensor tensor;
    tensor.fault = fault;
    tensor.container = container;
    tensors_[name] = std::move(tensor);
  }

  const Pickle& pickle_;
  TensorReader reader_;
  std::vector<bool> visited_;
  StateDict tensors_;
  bool optimizer_ = false;  // one was left out
  size_t unnamed_ = 0;      // tensors in lists
  std::string unnamed_place_;
};

}  // namespace

StateDict read_tensors(const TorchFile& file) {
  StateDict tensors = Walk(file).tensors();
  const Pickle& pickle = file.pickle;
  if (tensors.empty() && pickle.at(pickle.root).kind != PickleKind::kDict) {
    throw std::runtime_error(
        "it holds " + describe(pickle, pickle.root) + ", not a state dict" +
        (pickle.at(pickle.root).kind == PickleKind::kCall ? "; nothing in it is executed" : ""));
  }
  return tensors;
}

}  // namespace levit::tools
