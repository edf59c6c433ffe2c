// A weight file with another head: the backbone's tensors are copied; the table, the strings, the head and
// the spread of the training pictures are new.
#include <algorithm>
#include <cstring>

#include "runtime/context.h"
#include "runtime/head.h"
#include "runtime/levit.h"
#include "runtime/sized.h"
#include "weights/checksum.h"
#include "weights/familiarity.h"
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
  bool has_spread;  // of the caller; else the model's stays, if it has means
  levit_training_spread spread;
  uint32_t means;
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
  file->header_bytes = align_up(strings_offset(file->config, file->from.type) + file->string_bytes);
  return sound && file->header_bytes <= UINT32_MAX ? LEVIT_OK : LEVIT_STRINGS;
}

// Takes over what the caller knows of the training pictures.
levit_status read_spread(const levit_training_spread* given, size_t features, Exported* file) {
  file->has_spread = given != nullptr;
  if (given == nullptr) return LEVIT_OK;
  levit_training_spread& spread = file->spread;
  spread = {};
  const levit_status status = read_sized(given, &spread, sizeof spread);
  if (status != LEVIT_OK) return status;
  if (spread.whitening == nullptr || spread.mean == nullptr || spread.quantile == nullptr ||
      spread.means == 0 || spread.means > kMaxMeans)
    return LEVIT_ARGUMENT;
  bool sound = all_finite(spread.mean, spread.means * features) && all_finite(spread.quantile, kQuantiles) &&
               quantiles_ascend(spread.quantile);
  for (size_t i = 0; i < features; ++i) sound = sound && all_finite(spread.whitening + i * features, i + 1);
  file->means = static_cast<uint32_t>(spread.means);
  return sound ? LEVIT_OK : LEVIT_NUMBER;
}

levit_status prepare(const levit_model* model, const levit_export_options* options, Exported* file) {
  if (model == nullptr || options == nullptr) return LEVIT_ARGUMENT;
  levit_export_options known{};
  levit_status status = read_sized(options, &known, sizeof known);
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
  file->means = known.head == nullptr ? file->from.means : 0;
  if (known.head != nullptr) {
    file->temperature = 1;
    file->config.classes = file->labels = static_cast<uint32_t>(known.head->w.outputs);
    if (known.head->w.depth != file->config.dims[kStages - 1]) return LEVIT_ARGUMENT;
    if (known.label == nullptr && file->labels != file->from.labels) return LEVIT_ARGUMENT;
  }
  status = read_spread(known.spread, file->config.dims[kStages - 1], file);
  if (status != LEVIT_OK) return status;
  if (known.temperature != 0) file->temperature = known.temperature;
  if (!valid(file->from.preprocessing, file->temperature)) return LEVIT_CONFIG;
  return count_strings(file);
}

uint64_t bytes_of(const Exported& file) {
  return file_bytes(file.config, file.from.type, file.header_bytes, file.float_head) +
         familiarity_bytes(file.config, file.means);
}

void write_header(const Exported& file, uint8_t* to) {
  std::memcpy(to, file.from.image, kHeaderBytes);
  uint32_t flags = load_u32(to + kAtRequired) | (file.float_head ? kFlagFloatHead : 0);
  if (file.head != nullptr) flags &= ~(kFlagOneLogit | kFlagNoHead);
  flags = file.means > 0 ? flags | kFlagFamiliarity : flags & ~kFlagFamiliarity;
  store_u32(to + kAtRequired, flags);
  store_u32(to + kAtMeans, file.means);
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

// Row i of W: steps of 1/32767 of its largest value.
float write_row(const float* w, size_t i, uint8_t* to) {
  float largest = 0;
  for (size_t j = 0; j <= i; ++j) largest = std::max(largest, w[j] < 0 ? -w[j] : w[j]);
  const double scale = static_cast<double>(largest) / INT16_MAX;
  for (size_t j = 0; j <= i; ++j) {
    const double steps = largest > 0 ? static_cast<double>(w[j]) / scale : 0;
    const auto rounded = static_cast<int16_t>(steps + (steps < 0 ? -0.5 : 0.5));
    store_u16(to + 2 * j, static_cast<uint16_t>(rounded));
  }
  return static_cast<float>(scale);
}

// The section of familiarity, to the end of the file. False when a mean is too large for it.
bool write_familiarity(const Exported& file, uint8_t* to) {
  const auto bytes = static_cast<size_t>(familiarity_bytes(file.config, file.means));
  uint8_t* const section = to + bytes_of(file) - bytes;
  if (!file.has_spread) {
    std::memcpy(section, file.from.image + file.from.bytes - bytes, bytes);
    return true;
  }
  const levit_training_spread& spread = file.spread;
  const size_t features = file.config.dims[kStages - 1];
  uint8_t* const mean = section + features * sizeof(float);
  uint8_t* const quantile = mean + spread.means * features * sizeof(float);
  uint8_t* row = section + familiarity_float_bytes(file.config, file.means);
  for (size_t i = 0; i < features; ++i) {
    const float scale = write_row(spread.whitening + i * features, i, row);
    store_f32(section + i * sizeof(float), scale);
    for (size_t m = 0; m < spread.means; ++m) {  // by the rounded row, as pictures are
      double sum = 0;
      for (size_t j = 0; j <= i; ++j)
        sum +=
            static_cast<int16_t>(load_u16(row + 2 * j)) * static_cast<double>(spread.mean[m * features + j]);
      const auto coordinate = static_cast<float>(static_cast<double>(scale) * sum);
      if (!all_finite(&coordinate, 1)) return false;
      store_f32(mean + (m * features + i) * sizeof(float), coordinate);
    }
    row += 2 * (i + 1);
  }
  for (size_t q = 0; q < kQuantiles; ++q) store_f32(quantile + q * sizeof(float), spread.quantile[q]);
  return true;
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
  write_strings(file, to + strings_offset(file.config, file.from.type));
  if (file.means > 0 && !write_familiarity(file, to)) return LEVIT_NUMBER;
  store_u64(to + kAtChecksum, checksum(to, static_cast<size_t>(bytes_of(file))));
  return LEVIT_OK;
}

}  // extern "C"
