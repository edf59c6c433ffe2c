#include "tools/checkpoint/torch_storage.h"

#include <stdexcept>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

bool storage_dtype(const std::string& name, DType* dtype) {
  static const std::map<std::string, DType> kClasses = {
      {"torch.DoubleStorage", DType::kF64}, {"torch.FloatStorage", DType::kF32},
      {"torch.HalfStorage", DType::kF16},   {"torch.BFloat16Storage", DType::kBF16},
      {"torch.LongStorage", DType::kI64},   {"torch.IntStorage", DType::kI32},
      {"torch.ShortStorage", DType::kI16},  {"torch.CharStorage", DType::kI8},
      {"torch.ByteStorage", DType::kU8},    {"torch.BoolStorage", DType::kBool}};
  const auto found = kClasses.find(name);
  if (found == kClasses.end()) return false;
  *dtype = found->second;
  return true;
}

uint64_t count_of(const PickleValue& value, const std::string& storage) {
  if (value.kind != PickleKind::kInt || value.number < 0) {
    throw std::runtime_error(storage + " has a size or place that is not a number of elements");
  }
  return static_cast<uint64_t>(value.number);
}

}  // namespace

StorageId parse_storage_id(const Pickle& pickle, uint32_t index) {
  const PickleValue& persistent = pickle.at(index);
  if (persistent.kind != PickleKind::kPersistent) {
    throw std::runtime_error("a tensor's storage is " + describe(pickle, index));
  }
  const PickleValue& id = pickle.at(persistent.items[0]);
  if (id.kind != PickleKind::kTuple || id.items.size() < 5 || pickle.at(id.items[0]).text != "storage" ||
      pickle.at(id.items[2]).kind != PickleKind::kString) {
    throw std::runtime_error("a persistent id of the pickle is not that of a storage");
  }
  StorageId result{};
  result.key = std::string(pickle.at(id.items[2]).text);
  const std::string storage = "storage " + in_quotes(result.key);
  const std::string name = pickle.global_name(id.items[1]);
  if (!storage_dtype(name, &result.dtype)) {
    throw std::runtime_error(storage + " is of the class " + in_quotes(name) + ", which is not supported");
  }
  result.count = count_of(pickle.at(id.items[4]), storage);
  if (id.items.size() > 5 && pickle.at(id.items[5]).kind == PickleKind::kTuple) {
    const PickleValue& view = pickle.at(id.items[5]);
    if (view.items.size() != 3) throw std::runtime_error(storage + " is a view of an unknown form");
    result.view = true;
    result.view_offset = count_of(pickle.at(view.items[1]), storage);
    result.view_count = count_of(pickle.at(view.items[2]), storage);
  }
  return result;
}

}  // namespace levit::tools
