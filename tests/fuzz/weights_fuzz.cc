// The weight reader on hostile files. Size and checksum are repaired, or nearly every input would end there.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "weights/checksum.h"
#include "weights/layout.h"
#include "weights/reader.h"
#include "weights/validate.h"

using namespace levit;

namespace {

volatile uint64_t sink;

// Reads what an accepted file promises, to its last byte.
void read_all(const uint8_t* image) {
  const weights::View view = weights::view(image);
  uint64_t sum = std::strlen(view.name) + std::strlen(view.note);
  sum += std::strlen(weights::label(view, 0)) + std::strlen(weights::label(view, view.config.classes - 1));
  for (uint32_t i = 0; i < weights::layer_count(view.config); ++i) {
    const weights::Layer layer = weights::layer_at(view.config, i);
    const weights::LayerWeights from = weights::layer_weights(view, i);
    const size_t lanes = (layer.outputs + 15) / 16 * 16;
    const auto* const panels = static_cast<const uint8_t*>(from.panels);
    sum += panels[0] + panels[lanes * layer.depth * weights::size_of(from.type) - 1];
    if (from.scale != nullptr) sum += static_cast<uint64_t>(from.scale[0] < from.scale[lanes - 1]);
    sum += static_cast<uint64_t>(from.bias[0] < from.bias[lanes - 1]);
    if (layer.table > 0) sum += static_cast<uint64_t>(from.table[0] < from.table[layer.table - 1]);
  }
  sink = sum;
}

void try_open(const uint8_t* image, size_t size) {
  if (weights::validate(image, size) == weights::Fault::kNone) read_all(image);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  void* memory = nullptr;
  if (posix_memalign(&memory, weights::kAlignment, size) != 0) std::abort();
  auto* const image = static_cast<uint8_t*>(memory);
  std::memcpy(image, data, size);
  try_open(image, size);
  if (size >= weights::kHeaderBytes) {
    weights::store_u64(image + weights::kAtFileBytes, size);
    weights::store_u64(image + weights::kAtChecksum, weights::checksum(image, size));
    try_open(image, size);
  }
  std::free(memory);
  return 0;
}
