#include "weights/familiarity.h"

#include "weights/layout.h"

namespace levit::weights {
namespace {

uint64_t features_of(const Config& config) {
  return config.dims[kStages - 1];
}

uint64_t floats_of(const Config& config, uint32_t means) {
  return features_of(config) * (uint64_t{means} + 1) + kQuantiles;
}

uint64_t steps_of(const Config& config) {
  return features_of(config) * (features_of(config) + 1) / 2;
}

const uint8_t* section(const View& view) {
  return view.image + (view.bytes - familiarity_bytes(view.config, view.means));
}

}  // namespace

uint64_t familiarity_float_bytes(const Config& config, uint32_t means) {
  return align_up(floats_of(config, means) * sizeof(float));
}

uint64_t familiarity_bytes(const Config& config, uint32_t means) {
  if (means == 0) return 0;
  return familiarity_float_bytes(config, means) + align_up(steps_of(config) * sizeof(int16_t));
}

Familiarity familiarity(const View& view) {
  const uint8_t* const at = section(view);
  const auto* const floats = reinterpret_cast<const float*>(at);
  const size_t features = view.config.dims[kStages - 1];
  return {features,
          view.means,
          floats,
          floats + features,
          floats + features * (size_t{view.means} + 1),
          reinterpret_cast<const int16_t*>(at + familiarity_float_bytes(view.config, view.means))};
}

bool digest_familiarity(Digest* digest, const View& view) {
  if (view.means == 0) return true;
  const uint8_t* const at = section(view);
  const auto floats = static_cast<size_t>(familiarity_float_bytes(view.config, view.means));
  const auto bytes = static_cast<size_t>(familiarity_bytes(view.config, view.means));
  const bool finite = digest_blocks(digest, at, floats / kBlockBytes, kFiniteFloat);
  digest_blocks(digest, at + floats, (bytes - floats) / kBlockBytes, kAnything);
  return finite;
}

bool quantiles_ascend(const float* quantile) {
  bool sound = quantile[0] >= 0;
  for (size_t i = 1; i < kQuantiles; ++i) sound = sound && quantile[i - 1] <= quantile[i];
  return sound;
}

bool familiarity_is_ordered(const View& view) {
  if (view.means == 0) return true;
  const Familiarity section = familiarity(view);
  bool sound = quantiles_ascend(section.quantile);
  for (size_t i = 0; i < section.features; ++i) sound = sound && section.scale[i] >= 0;
  return sound;
}

bool familiarity_padding_is_zero(const View& view) {
  if (view.means == 0) return true;
  const uint8_t *const at = section(view), *const end = view.image + view.bytes;
  const auto floats = static_cast<size_t>(floats_of(view.config, view.means) * sizeof(float));
  const auto padded = static_cast<size_t>(familiarity_float_bytes(view.config, view.means));
  const uint8_t* const behind = at + padded + steps_of(view.config) * sizeof(int16_t);
  return all_zero(at + floats, padded - floats) && all_zero(behind, static_cast<size_t>(end - behind));
}

}  // namespace levit::weights
