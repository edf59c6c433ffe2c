#include "tests/tools/checkpoint_writer.h"

#include <cstring>
#include <utility>

#include "tools/checkpoint/zip.h"

namespace levit::tests {
namespace {

std::string little(uint64_t value, size_t bytes) {
  std::string text(bytes, '\0');
  std::memcpy(text.data(), &value, bytes);
  return text;
}

std::string bytes_of(const std::vector<float>& data) {
  return {reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float)};
}

std::string list_of(const std::vector<uint64_t>& numbers) {
  std::string text;
  for (const uint64_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return "[" + text + "]";
}

std::vector<uint64_t> dense(const std::vector<uint64_t>& shape) {
  return tools::dense_tensor(tools::DType::kF32, shape, nullptr).stride;
}

}  // namespace

NamedValues values_of(const tools::StateDict& dict) {
  NamedValues values;
  for (const auto& [name, tensor] : dict) {
    if (!tools::is_floating(tensor.dtype)) continue;
    const std::vector<double> wide = tools::widened(tensor);
    Values& to = values[name];
    to.shape = tensor.shape;
    for (const double value : wide) to.data.push_back(static_cast<float>(value));
  }
  return values;
}

NamedValues below(const std::string& prefix, const NamedValues& values) {
  NamedValues result;
  for (const auto& [name, value] : values) result[prefix + name] = value;
  return result;
}

NamedValues joined(NamedValues a, const NamedValues& b) {
  for (const auto& [name, value] : b) a[name] = value;
  return a;
}

std::string safetensors_of(const NamedValues& values) {
  std::string header, data;
  for (const auto& [name, value] : values) {
    const size_t begin = data.size();
    data += bytes_of(value.data);
    header += (header.empty() ? "\"" : ",\"") + name +
              "\":{\"dtype\":\"F32\",\"shape\":" + list_of(value.shape) +
              ",\"data_offsets\":" + list_of({begin, data.size()}) + "}";
  }
  header = "{" + header + "}";
  return little(header.size(), 8) + header + data;
}

std::string TorchWriter::text(const std::string& value) const {
  return "X" + little(value.size(), 4) + value;
}

std::string TorchWriter::integer(uint64_t value) const {
  return "J" + little(value, 4);
}

std::string TorchWriter::tensor(const Values& values) {
  const auto tuple = [this](const std::vector<uint64_t>& numbers) {
    std::string items = "(";
    for (const uint64_t number : numbers) items += integer(number);
    return items + "t";
  };
  const std::string key = std::to_string(storages_.size());
  storages_.push_back(bytes_of(values.data));
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text(key) +
         text("cpu") + integer(values.data.size()) + "tQ" + integer(0) + tuple(values.shape) +
         tuple(values.stride.empty() ? dense(values.shape) : values.stride) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}

std::string TorchWriter::dict(const std::vector<std::pair<std::string, std::string>>& items,
                              const std::string& start) const {
  std::string pickled = start + "(";
  for (const auto& [key, value] : items) pickled += key + value;
  return pickled + "u";
}

std::string TorchWriter::state_dict(const NamedValues& values, const std::string& start) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [name, value] : values) items.emplace_back(text(name), tensor(value));
  return dict(items, start);
}

std::string TorchWriter::file(const std::string& root, const std::string& more) const {
  std::string file, directory;
  size_t entries = 0;
  const auto add = [&](const std::string& name, const std::string& data) {
    const std::string sizes = little(tools::crc32(data), 4) + little(data.size(), 4) +
                              little(data.size(), 4) + little(name.size(), 2);
    directory += "PK\x01\x02" + little(45, 2) + little(45, 2) + little(0, 8) + sizes + little(0, 2) +
                 little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(file.size(), 4) + name;
    file += "PK\x03\x04" + little(45, 2) + little(0, 8) + sizes + little(0, 2) + name + data;
    ++entries;
  };
  add("archive/data.pkl", "\x80\x02" + root + ".");
  if (!more.empty()) add("archive/" + more, "more");
  for (size_t i = 0; i < storages_.size(); ++i) add("archive/data/" + std::to_string(i), storages_[i]);
  return file + directory + "PK\x05\x06" + little(0, 4) + little(entries, 2) + little(entries, 2) +
         little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

}  // namespace levit::tests
