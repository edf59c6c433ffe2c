#include "tools/levit/evaluate/temperature.h"

#include "weights/checksum.h"
#include "weights/layout.h"

namespace levit::tools {

std::vector<uint8_t> with_temperature(const ModelFile& model, double temperature) {
  // The handle of a model is its image.
  const auto* const image = reinterpret_cast<const uint8_t*>(model.model());
  std::vector<uint8_t> bytes(image, image + model.bytes());
  weights::store_f32(bytes.data() + weights::kAtTemperature, static_cast<float>(temperature));
  weights::store_u64(bytes.data() + weights::kAtChecksum, weights::checksum(bytes.data(), bytes.size()));
  return bytes;
}

}  // namespace levit::tools
