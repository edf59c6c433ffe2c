#include "tools/checkpoint/torch_tensor.h"

#include <set>
#include <stdexcept>

#include "tools/checkpoint/message.h"
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
        call.name == "torch._utils._rebuild_parameter_with_state") {
      const PickleValue& tensor = argument(pickle, *call.arguments, 0);
      if (tensor.kind != PickleKind::kCall) throw std::runtime_error("a parameter without a tensor");
      call = {pickle.global_name(call.arguments->items[0]), &pickle.at(tensor.items[1])};
    } else if (call.name == "torch._tensor._rebuild_from_type_v2") {  // function, type, arguments, state
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
    if (count > stored) throw std::runtime_error("more elements than its storage has");
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

}  // namespace

StateDict read_tensors(const TorchFile& file, const PickleValue& dict, std::vector<std::string>* skipped) {
  TensorReader reader(file);
  StateDict tensors;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& key = file.pickle.at(dict.items[i]);
    if (key.kind != PickleKind::kString)
      throw std::runtime_error("the state dict has a key that is not a string");
    const std::string name(key.text);
    if (file.pickle.at(dict.items[i + 1]).kind != PickleKind::kCall) {
      skipped->push_back(name);
      continue;
    }
    try {
      tensors[name] = reader.read(dict.items[i + 1]);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("tensor " + in_quotes(name) + ": " + error.what());
    }
  }
  return tensors;
}

}  // namespace levit::tools
