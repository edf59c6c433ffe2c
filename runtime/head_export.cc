// A weight file with another head: the backbone's tensors are copied, the table, the strings and the head are
// new.
#include <cstring>

#include "runtime/head.h"
#include "runtime/levit.h"
#include "runtime/sized.h"
#include "weights/checksum.h"
#include "weights/layout.h"
#include "weights/reader.h"
#include "weights/validate.h"

namespace levit::runtime {
namespace {

using namespace weights;

// The file to be written.
struct Exported {
  View from;
  Config config;
  bool float_head;
  float temperature;
  const levit_head* head;    // null: the model's own
  const char* const* label;  // null: the model's own
  uint32_t labels;
  const char *name, *note;
  uint64_t string_bytes, header_bytes;

  const char* label_at(uint32_t k) const { return label != nullptr ? label[k] : weights::label(from, k); }
  TensorWalk walk() const { return {&config, from.type, header_bytes, float_head}; }
};

// Adds a string's bytes, with its zero, when it may stand in a file.
bool add_string(const char* text, bool is_note, bool may_be_empty, uint64_t* bytes) {
  if (text == nullptr) return false;
  const size_t length = std::strlen(text);
  *bytes += length + 1;
  return (may_be_empty || length > 0) && text_end(text, text + length + 1, is_note) != nullptr;
}

levit_status count_strings(Exported* file) {
  file->string_bytes = 0;
  bool sound = add_string(file->name, false, true, &file->string_bytes);
  sound = add_string(file->note, true, true, &file->string_bytes) && sound;
  for (uint32_t k = 0; k < file->labels; ++k)
    sound = add_string(file->label_at(k), false, false, &file->string_bytes) && sound;
  file->header_bytes =
      align_up(kHeaderBytes + uint64_t{tensor_count(file->config, file->from.type)} * kEntryBytes +
               file->string_bytes);
  return sound && file->header_bytes <= UINT32_MAX ? LEVIT_OK : LEVIT_STRINGS;
}

levit_status prepare(const levit_model* model, const levit_export_options* options, Exported* file) {
  if (model == nullptr || options == nullptr) return LEVIT_ARGUMENT;
  levit_export_options known{};
  const levit_status status = read_sized(options, &known, sizeof known);
  if (status != LEVIT_OK) return status;
  if (known.reserved != 0) return LEVIT_STRUCT;
  file->from = view(model);
  file->config = file->from.config;
  file->head = known.head;
  file->label = known.label;
  file->labels = file->from.labels;
  file->name = known.name != nullptr ? known.name : file->from.name;
  file->note = known.note != nullptr ? known.note : file->from.note;
  file->float_head = file->from.float_head || (file->from.type != Type::kFloat && known.head != nullptr);
  file->temperature = file->from.temperature;
  if (known.head != nullptr) {
    file->temperature = 1;
    file->config.classes = file->labels = static_cast<uint32_t>(known.head->w.outputs);
    if (known.head->w.depth != file->config.dims[kStages - 1]) return LEVIT_ARGUMENT;
    if (known.label == nullptr && file->labels != file->from.labels) return LEVIT_ARGUMENT;
  }
  if (known.temperature != 0) file->temperature = known.temperature;
  if (!valid(file->from.preprocessing, file->temperature)) return LEVIT_CONFIG;
  return count_strings(file);
}

uint64_t bytes_of(const Exported& file) {
  return file_bytes(file.config, file.from.type, file.header_bytes, file.float_head);
}

void write_header(const Exported& file, uint8_t* to) {
  std::memcpy(to, file.from.image, kHeaderBytes);
  uint32_t flags = load_u32(to + kAtRequired) | (file.float_head ? kFlagFloatHead : 0);
  if (file.head != nullptr) flags &= ~(kFlagOneLogit | kFlagNoHead);
  store_u32(to + kAtRequired, flags);
  store_u32(to + kAtHeaderBytes, static_cast<uint32_t>(file.header_bytes));
  store_u64(to + kAtFileBytes, bytes_of(file));
  store_u32(to + kAtClasses, file.config.classes);
  store_f32(to + kAtTemperature, file.temperature);
  store_u32(to + kAtStringBytes, static_cast<uint32_t>(file.string_bytes));
}

void write_strings(const Exported& file, uint8_t* to) {
  const auto write = [&to](const char* text) {
    const size_t bytes = std::strlen(text) + 1;
    std::memcpy(to, text, bytes);
    to += bytes;
  };
  write(file.name);
  write(file.note);
  for (uint32_t k = 0; k < file.labels; ++k) write(file.label_at(k));
}

// The table, and every tensor of the backbone from where it lies to where it will lie.
void write_tensors(const Exported& file, uint8_t* to) {
  TensorWalk walk = file.walk();
  TensorWalk old{&file.from.config, file.from.type, load_u32(file.from.image + kAtHeaderBytes),
                 file.from.float_head};
  uint8_t* entry = to + kHeaderBytes;
  for (Tensor tensor, before; next_tensor(&walk, &tensor) && next_tensor(&old, &before);
       entry += kEntryBytes) {
    describe(tensor, entry);
    const void* from = file.from.image + before.offset;
    if (file.head != nullptr && tensor.layer.part == Part::kHead)
      from = tensor.kind == Kind::kBias ? file.head->bias : file.head->w.data;
    std::memcpy(to + tensor.offset, from, static_cast<size_t>(tensor.bytes));
  }
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_export_bytes(const levit_model* model, const levit_export_options* options,
                                size_t* bytes) {
  using namespace levit::runtime;
  if (bytes == nullptr) return LEVIT_ARGUMENT;
  Exported file{};
  const levit_status status = prepare(model, options, &file);
  if (status != LEVIT_OK) return status;
  const uint64_t needed = bytes_of(file);
  if (needed > SIZE_MAX) return LEVIT_ARGUMENT;
  *bytes = static_cast<size_t>(needed);
  return LEVIT_OK;
}

levit_status levit_export(const levit_model* model, const levit_export_options* options, void* image,
                          size_t bytes) {
  using namespace levit::runtime;
  if (image == nullptr) return LEVIT_ARGUMENT;
  Exported file{};
  const levit_status status = prepare(model, options, &file);
  if (status != LEVIT_OK) return status;
  if (bytes < bytes_of(file)) return LEVIT_ARENA;
  auto* const to = static_cast<uint8_t*>(image);
  std::memset(to, 0, static_cast<size_t>(bytes_of(file)));
  write_header(file, to);
  write_tensors(file, to);
  write_strings(file, to + kHeaderBytes + size_t{tensor_count(file.config, file.from.type)} * kEntryBytes);
  store_u64(to + kAtChecksum, checksum(to, static_cast<size_t>(bytes_of(file))));
  return LEVIT_OK;
}

}  // extern "C"
