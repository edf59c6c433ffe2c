// Containers and storages of torch.save.
#include "tools/checkpoint/torch_file.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "tools/checkpoint/message.h"
#include "tools/checkpoint/zip.h"

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

constexpr std::string_view kZipStart = "PK\x03\x04";
constexpr std::string_view kStreamMagic =
    "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c
constexpr int64_t kStreamVersion = 1001;
constexpr const char* kBigEndian = "the file is big-endian, which is not supported";
constexpr const char* kTorchScript =
    "a TorchScript archive (torch.jit.save), not a state dict; python3 -c \"import torch; "
    "torch.save(torch.jit.load('IN').state_dict(), 'OUT.pth')\" makes one";

constexpr const char* kOtherZip =
    "a zip that torch.save did not write, without an entry data.pkl; unzip it first if a checkpoint lies in "
    "it";

// TorchScript compresses its code, which read_zip() refuses.
ZipDirectory read_directory(std::string_view file) {
  try {
    return read_zip(file);
  } catch (const std::runtime_error&) {
    if (file.rfind("/constants.pkl") != std::string_view::npos) throw std::runtime_error(kTorchScript);
    if (file.rfind("data.pkl") == std::string_view::npos) throw std::runtime_error(kOtherZip);
    throw;
  }
}

TorchFile open_zip(std::string_view file) {
  constexpr std::string_view kPickle = "data.pkl";
  const ZipDirectory directory = read_directory(file);
  const ZipEntry* pickle = nullptr;
  std::string folder, pickle_name;
  for (const auto& [name, entry] : directory) {
    if (name != kPickle && !ends_with(name, "/data.pkl")) continue;
    pickle = &entry;
    pickle_name = name;
    folder = name.substr(0, name.size() - kPickle.size());
    break;
  }
  if (pickle == nullptr) {
    const std::string first = directory.empty() ? "nothing" : in_quotes(directory.begin()->first);
    throw std::runtime_error("the zip has no entry data.pkl, so that torch.save did not write it; it holds " +
                             first + " (if that is a checkpoint, unzip it first)");
  }
  if (directory.count(folder + "constants.pkl") != 0) throw std::runtime_error(kTorchScript);
  const auto order = directory.find(folder + "byteorder");
  if (order != directory.end() && checked_data(order->first, order->second) != "little") {
    throw std::runtime_error(kBigEndian);
  }
  TorchFile result{"PyTorch zip file", read_pickle(checked_data(pickle_name, *pickle)), {}};
  const std::string data = folder + "data/";
  for (const auto& [name, entry] : directory) {
    if (starts_with(name, data)) result.storages[name.substr(data.size())] = {entry.data, name, entry.crc};
  }
  return result;
}

// Reads pickles one behind the other.
Pickle next_pickle(std::string_view* rest) {
  Pickle pickle = read_pickle(*rest);
  rest->remove_prefix(pickle.bytes);
  return pickle;
}

// The stream does not say how large an element is; the pickle's persistent ids do.
std::map<std::string, StorageId> named_storages(const Pickle& pickle) {
  std::map<std::string, StorageId> named;
  for (uint32_t i = 0; i < pickle.values.size(); ++i) {
    if (pickle.at(i).kind != PickleKind::kPersistent) continue;
    const PickleValue& id = pickle.at(pickle.at(i).items[0]);
    if (id.kind == PickleKind::kTuple && !id.items.empty() && pickle.at(id.items[0]).text == "module")
      continue;
    const StorageId storage = parse_storage_id(pickle, i);
    named.emplace(storage.key, storage);
  }
  return named;
}

Storages read_stream_storages(const Pickle& pickle, const Pickle& keys, std::string_view rest) {
  const std::map<std::string, StorageId> named = named_storages(pickle);
  if (keys.at(keys.root).kind != PickleKind::kList)
    throw std::runtime_error("the stream has no list of storages");
  Storages storages;
  for (const uint32_t item : keys.at(keys.root).items) {
    const std::string key(keys.at(item).text);
    const auto found = named.find(key);
    if (found == named.end()) throw std::runtime_error("storage " + in_quotes(key) + " belongs to no tensor");
    const size_t size = dtype_size(found->second.dtype);
    uint64_t count;
    if (rest.size() < sizeof count)
      throw std::runtime_error("the file ends before storage " + in_quotes(key));
    std::memcpy(&count, rest.data(), sizeof count);
    rest.remove_prefix(sizeof count);
    if (count > rest.size() / size)
      throw std::runtime_error("the file ends inside storage " + in_quotes(key));
    const auto bytes = static_cast<size_t>(count) * size;
    storages[key] = {rest.substr(0, bytes), {}, 0};
    rest.remove_prefix(bytes);
  }
  return storages;
}

TorchFile open_stream(std::string_view file) {
  const Pickle magic = next_pickle(&file);
  const PickleValue& number = magic.at(magic.root);
  if (number.kind != PickleKind::kBigInt || number.text != kStreamMagic) {
    throw std::runtime_error("a plain pickle of " + describe(magic, magic.root) +
                             ", not a file of torch.save; nothing in it is executed");
  }
  const Pickle version = next_pickle(&file);
  if (version.at(version.root).kind != PickleKind::kInt ||
      version.at(version.root).number != kStreamVersion) {
    throw std::runtime_error("the stream has an unknown version");
  }
  const Pickle system = next_pickle(&file);
  const PickleValue* little = system.find(system.at(system.root), "little_endian");
  if (little != nullptr && little->number == 0) throw std::runtime_error(kBigEndian);
  TorchFile result{"PyTorch stream (before 1.6)", next_pickle(&file), {}};
  const Pickle keys = next_pickle(&file);
  result.storages = read_stream_storages(result.pickle, keys, file);
  return result;
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

bool is_torch_file(std::string_view file) {
  return starts_with(file, kZipStart) || starts_with(file, "\x80");
}

TorchFile open_torch_file(std::string_view file) {
  return starts_with(file, kZipStart) ? open_zip(file) : open_stream(file);
}

}  // namespace levit::tools
