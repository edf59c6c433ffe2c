// The header through a SAX parser, so that a header of 100 MB makes no tree, and every refusal names its
// entry.
#include "tools/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr uint64_t kLongestHeader = 100'000'000;  // the limit of the format's reference implementation

struct Entry {
  std::string name, dtype;
  std::vector<uint64_t> shape, offsets;
};

// Receives the header's JSON events; anything but {name: {dtype, shape, data_offsets}} and text metadata is
// refused.
class HeaderReader {
 public:
  std::vector<Entry> take_entries() { return std::move(entries_); }

  bool start_object(size_t) {
    if (++depth_ == 1) return true;
    if (depth_ > 2) refuse("holds an object");
    fields_.clear();
    return true;
  }

  bool end_object() {
    if (depth_-- == 2 && !metadata_ && fields_.size() != 3) refuse("lacks dtype, shape or data_offsets");
    return true;
  }

  bool key(std::string& name) {
    if (depth_ == 2) {
      if (!fields_.insert(name).second) refuse("has the field " + in_quotes(name) + " twice");
      if (!metadata_ && name != "dtype" && name != "shape" && name != "data_offsets") {
        refuse("has the unknown field " + in_quotes(name));
      }
      field_ = name;
      return true;
    }
    if (!names_.insert(name).second) {
      throw std::runtime_error("the header has the name " + in_quotes(name) + " twice");
    }
    metadata_ = name == "__metadata__";
    if (!metadata_) entries_.push_back({name, {}, {}, {}});
    return true;
  }

  bool start_array(size_t) {
    if (depth_ == 0) throw std::runtime_error("the header is a JSON array, not an object");
    if (depth_ != 2 || metadata_ || in_array_ || field_ == "dtype") refuse("holds an array out of place");
    in_array_ = true;
    return true;
  }

  bool end_array() {
    in_array_ = false;
    return true;
  }

  bool number_unsigned(uint64_t number) {
    if (!in_array_) refuse("holds a number out of place");
    (field_ == "shape" ? entries_.back().shape : entries_.back().offsets).push_back(number);
    return true;
  }

  bool string(std::string& text) {
    if (depth_ == 2 && metadata_) return true;
    if (depth_ != 2 || in_array_ || field_ != "dtype") refuse("holds text out of place");
    entries_.back().dtype = text;
    return true;
  }

  bool number_integer(int64_t) { return refuse(in_quotes(field_) + " holds a negative number"); }
  bool number_float(double, const std::string&) {
    return refuse(in_quotes(field_) + " holds a number that is not an integer of 64 bits");
  }
  bool null() { return refuse("holds null"); }
  bool boolean(bool) { return refuse("holds a boolean"); }
  bool binary(nlohmann::json::binary_t&) { return refuse("holds binary data"); }

  template <typename Exception>
  bool parse_error(size_t position, const std::string&, const Exception& error) {
    const bool utf8 = std::strstr(error.what(), "UTF-8") != nullptr;
    throw std::runtime_error(std::string("the header is not ") + (utf8 ? "UTF-8" : "complete JSON") +
                             " (byte " + std::to_string(position) + ")");
  }

 private:
  [[noreturn]] bool refuse(const std::string& what) const {
    if (depth_ == 0) throw std::runtime_error("the header is not a JSON object");
    const std::string name = metadata_ ? "__metadata__" : entries_.empty() ? "" : entries_.back().name;
    throw std::runtime_error("the header's entry " + in_quotes(name) + ": " + what);
  }

  std::vector<Entry> entries_;
  std::set<std::string> names_, fields_;
  std::string field_;
  int depth_ = 0;
  bool metadata_ = false, in_array_ = false;
};

// False for a dtype that no network of ours has; the format gains new ones every year.
bool parse_dtype(const std::string& name, DType* dtype) {
  static const std::map<std::string, DType> kTypes = {
      {"F64", DType::kF64}, {"F32", DType::kF32},  {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"I64", DType::kI64}, {"I32", DType::kI32},  {"I16", DType::kI16}, {"I8", DType::kI8},
      {"U8", DType::kU8},   {"BOOL", DType::kBool}};
  const auto found = kTypes.find(name);
  if (found == kTypes.end()) return false;
  *dtype = found->second;
  return true;
}

Tensor make_tensor(const Entry& entry, std::string_view data) {
  const std::string tensor = "tensor " + in_quotes(entry.name);
  if (entry.offsets.size() != 2) throw std::runtime_error(tensor + ": data_offsets are not two numbers");
  const uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (end < begin) throw std::runtime_error(tensor + ": data_offsets end before they begin");
  if (end > data.size()) throw std::runtime_error(tensor + ": data_offsets reach beyond the end of the file");
  if (entry.shape.size() > kMaxRank) throw std::runtime_error(tensor + " has too many dimensions");
  DType dtype = DType::kF32;
  if (!parse_dtype(entry.dtype, &dtype)) {
    Tensor unread;
    unread.shape = entry.shape;
    unread.fault = "of the dtype " + in_quotes(entry.dtype) + ", which is not supported";
    return unread;
  }
  uint64_t count;
  if (!element_count(entry.shape, &count) || count > UINT64_MAX / dtype_size(dtype)) {
    throw std::runtime_error(tensor + ": the number of elements of " + shape_text(entry.shape) +
                             " overflows 64 bits");
  }
  if (count * dtype_size(dtype) != end - begin) {
    throw std::runtime_error(tensor + ": shape " + shape_text(entry.shape) + " needs " +
                             std::to_string(count * dtype_size(dtype)) + " bytes, data_offsets give " +
                             std::to_string(end - begin));
  }
  return dense_tensor(dtype, entry.shape, data.data() + begin);
}

// Whether the tensors lie one behind the other up to the end of the data.
void check_coverage(std::vector<Entry> entries, uint64_t bytes) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  uint64_t covered = 0;
  std::string before = "the header";
  for (const Entry& entry : entries) {
    if (entry.offsets[0] < covered) {
      throw std::runtime_error("the data of " + in_quotes(entry.name) + " overlaps that of " + before);
    }
    if (entry.offsets[0] > covered) {
      throw std::runtime_error(std::to_string(entry.offsets[0] - covered) + " bytes between " + before +
                               " and " + in_quotes(entry.name) + " belong to no tensor");
    }
    covered = entry.offsets[1];
    before = in_quotes(entry.name);
  }
  if (covered != bytes) {
    throw std::runtime_error(std::to_string(bytes - covered) + " bytes after " + before +
                             " belong to no tensor");
  }
}

}  // namespace

StateDict read_safetensors(std::string_view file) {
  uint64_t length;
  if (file.size() < sizeof length) throw std::runtime_error("shorter than a safetensors header");
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length) {
    throw std::runtime_error("the header's length, " + std::to_string(length) +
                             ", is beyond the end of the file");
  }
  if (length > kLongestHeader) throw std::runtime_error("the header is longer than 100 MB");
  const std::string_view header = file.substr(sizeof length, static_cast<size_t>(length)),
                         data = file.substr(sizeof length + header.size());
  // JSON ends at a zero byte for the parser, not for the format.
  if (header.find('\0') != std::string_view::npos) {
    throw std::runtime_error("the header holds zero bytes; the format pads it with blanks");
  }
  HeaderReader reader;
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
  const std::vector<Entry> entries = reader.take_entries();
  StateDict tensors;
  for (const Entry& entry : entries) tensors.emplace(entry.name, make_tensor(entry, data));
  check_coverage(entries, data.size());
  return tensors;
}

}  // namespace levit::tools
