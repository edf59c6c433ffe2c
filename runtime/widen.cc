#include "runtime/widen.h"

#include <cstring>

#include "kernels/panels.h"
#include "runtime/levit.h"
#include "weights/checksum.h"
#include "weights/familiarity.h"

namespace levit::runtime {
namespace {

using namespace weights;

// Rows of a panel, each as a whole, so that compilers make vectors of them. The host is little-endian: on
// others no model opens.
void widen_half(const void* half, size_t count, uint8_t* to) {
  const auto* from = static_cast<const uint16_t*>(half);
  for (size_t i = 0; i < count; i += kPanelWidth) {
    float row[kPanelWidth];
    for (size_t j = 0; j < kPanelWidth; ++j) row[j] = kernels::half_to_float(from[i + j]);
    std::memcpy(to + i * sizeof(float), row, sizeof row);
  }
}

void widen_int8(const void* numbers, const void* scales, size_t count, size_t depth, uint8_t* to) {
  const auto* from = static_cast<const int8_t*>(numbers);
  const auto* scale = static_cast<const float*>(scales);
  for (size_t panel = 0; panel < count; panel += depth * kPanelWidth, scale += kPanelWidth) {
    for (size_t i = panel; i < panel + depth * kPanelWidth; i += kPanelWidth) {
      float row[kPanelWidth];
      for (size_t j = 0; j < kPanelWidth; ++j) row[j] = scale[j] * static_cast<float>(from[i + j]);
      std::memcpy(to + i * sizeof(float), row, sizeof row);
    }
  }
}

size_t string_bytes_of(const View& from) {
  return static_cast<size_t>(from.labels_end - from.name);
}

// Header and strings as they are but for what the type and the spread change.
void write_header(const View& from, Spread spread, uint8_t* to) {
  const uint64_t header_bytes = widened_header_bytes(from);
  std::memset(to, 0, static_cast<size_t>(header_bytes));
  std::memcpy(to, from.image, kHeaderBytes);
  std::memcpy(to + strings_offset(from.config, Type::kFloat), from.name, string_bytes_of(from));
  uint32_t kept = kFlagOneLogit | kFlagNoHead;
  if (spread == Spread::kKept) kept |= kFlagFamiliarity;
  store_u32(to + kAtRequired, load_u32(to + kAtRequired) & kept);
  if (spread == Spread::kDropped) store_u32(to + kAtMeans, 0);
  store_u32(to + kAtHeaderBytes, static_cast<uint32_t>(header_bytes));
  store_u32(to + kAtTensors, tensor_count(from.config, Type::kFloat));  // of int8 there were more
  store_u64(to + kAtFileBytes, widened_bytes(from, spread));
}

// The table and every tensor, with the zeros behind it. Returns where the last one ends.
uint64_t write_tensors(const View& from, uint8_t* to) {
  TensorWalk walk{&from.config, Type::kFloat, widened_header_bytes(from)};
  TensorWalk old{&from.config, from.type, load_u32(from.image + kAtHeaderBytes), from.float_head};
  uint8_t* entry = to + kHeaderBytes;
  for (Tensor tensor, before; next_tensor(&walk, &tensor) && next_tensor(&old, &before);
       entry += kEntryBytes) {
    describe(tensor, entry);
    const uint8_t* const values = from.image + before.offset;
    uint8_t* const widened = to + tensor.offset;
    const auto bytes = static_cast<size_t>(tensor.bytes);
    if (before.type == Type::kInt8) {
      Tensor scales;
      next_tensor(&old, &scales);
      widen_int8(values, from.image + scales.offset, bytes / sizeof(float), before.columns, widened);
    } else if (before.type == Type::kHalf) {
      widen_half(values, bytes / sizeof(float), widened);
    } else {
      std::memcpy(widened, values, bytes);
    }
    std::memset(widened + bytes, 0, static_cast<size_t>(walk.offset - tensor.offset) - bytes);
  }
  return walk.offset;
}

}  // namespace

uint64_t widened_header_bytes(const View& from) {
  return align_up(strings_offset(from.config, Type::kFloat) + string_bytes_of(from));
}

uint64_t widened_bytes(const View& from, Spread spread) {
  return file_bytes(from.config, Type::kFloat, widened_header_bytes(from)) +
         (spread == Spread::kKept ? familiarity_bytes(from.config, from.means) : 0);
}

void widen(const View& from, Spread spread, uint8_t* to) {
  write_header(from, spread, to);
  const uint64_t end = write_tensors(from, to);
  const auto bytes = static_cast<size_t>(widened_bytes(from, spread));
  const size_t section = bytes - static_cast<size_t>(end);
  std::memcpy(to + end, from.image + from.bytes - section, section);
  store_u64(to + kAtChecksum, checksum(to, bytes));
}

}  // namespace levit::runtime

extern "C" {

levit_status levit_widened_bytes(const levit_model* model, size_t* bytes) {
  using namespace levit::runtime;
  if (model == nullptr || bytes == nullptr) return LEVIT_ARGUMENT;
  const uint64_t needed = widened_bytes(levit::weights::view(model), Spread::kKept);
  if (needed > SIZE_MAX) return LEVIT_ARGUMENT;
  *bytes = static_cast<size_t>(needed);
  return LEVIT_OK;
}

levit_status levit_widen(const levit_model* model, void* image, size_t bytes) {
  using namespace levit::runtime;
  size_t needed = 0;
  if (image == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit_widened_bytes(model, &needed);
  if (status != LEVIT_OK) return status;
  if (bytes < needed) return LEVIT_ARENA;
  widen(levit::weights::view(model), Spread::kKept, static_cast<uint8_t*>(image));
  return LEVIT_OK;
}

}  // extern "C"
