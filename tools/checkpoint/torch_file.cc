#include "tools/checkpoint/torch_file.h"

#include <cstring>
#include <stdexcept>

#include "tools/checkpoint/message.h"
#include "tools/checkpoint/zip.h"

namespace levit::tools {
namespace {

constexpr std::string_view kZipStart = "PK\x03\x04";
constexpr std::string_view kStreamMagic =
    "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c
constexpr int64_t kStreamVersion = 1001;
constexpr const char* kBigEndian = "the file is big-endian, which is not supported";

TorchFile open_zip(std::string_view file) {
  constexpr std::string_view kPickle = "data.pkl";
  const ZipDirectory directory = read_zip(file);
  const ZipEntry* pickle = nullptr;
  std::string folder, pickle_name;
  for (const auto& [name, entry] : directory) {
    if (name != kPickle && !ends_with(name, "/data.pkl")) continue;
    pickle = &entry;
    pickle_name = name;
    folder = name.substr(0, name.size() - kPickle.size());
    break;
  }
  if (pickle == nullptr) throw std::runtime_error("the zip has no entry data.pkl: not written by torch.save");
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
    storages[key] = {rest.substr(0, count * size), {}, 0};
    rest.remove_prefix(count * size);
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

bool is_torch_file(std::string_view file) {
  return starts_with(file, kZipStart) || starts_with(file, "\x80");
}

TorchFile open_torch_file(std::string_view file) {
  return starts_with(file, kZipStart) ? open_zip(file) : open_stream(file);
}

}  // namespace levit::tools
