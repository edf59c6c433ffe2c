#include "tools/checkpoint/levit_file.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "kernels/panels.h"
#include "levit.h"
#include "weights/layout.h"
#include "weights/reader.h"

namespace levit::tools {
namespace {

using weights::kPanelWidth;

// Element [output][k] of a layer's matrix.
double element(const weights::LayerWeights& weights, size_t depth, size_t output, size_t k) {
  const size_t at = (output / kPanelWidth * depth + k) * kPanelWidth + output % kPanelWidth;
  switch (weights.type) {
    case weights::Type::kHalf:
      return static_cast<double>(kernels::half_to_float(static_cast<const uint16_t*>(weights.panels)[at]));
    case weights::Type::kInt8:
      return static_cast<double>(weights.scale[output]) * static_cast<const int8_t*>(weights.panels)[at];
    case weights::Type::kFloat:
      break;
  }
  return static_cast<double>(static_cast<const float*>(weights.panels)[at]);
}

}  // namespace

bool is_levit_file(std::string_view bytes) {
  return bytes.size() >= sizeof weights::kMagic &&
         std::memcmp(bytes.data(), weights::kMagic, sizeof weights::kMagic) == 0;
}

FoldedModel read_levit_file(std::string_view bytes) {
  const levit_model* sound = nullptr;
  const levit_status status = levit_open(bytes.data(), bytes.size(), &sound);
  if (status != LEVIT_OK) throw std::runtime_error(levit_status_text(status));
  levit_info info{};
  info.size = sizeof info;
  levit_model_info(sound, &info);
  if (info.familiarity > 0)
    throw std::runtime_error("it measures how familiar a picture is, and packing it again would lose that");
  const weights::View view = weights::view(bytes.data());
  FoldedModel model;
  model.config = view.config;
  model.no_head = view.no_head;
  model.one_logit = view.labels > view.config.classes;
  model.name = view.name;
  model.note = view.note;
  model.preprocessing = view.preprocessing;
  model.temperature = view.temperature;
  for (uint32_t i = 0; i < view.labels; ++i) model.labels.emplace_back(weights::label(view, i));
  model.layers = zero_layers(model.config);
  for (uint32_t i = 0; i < model.layers.size(); ++i) {
    const weights::Layer shape = weights::layer_at(model.config, i);
    const weights::LayerWeights from = weights::layer_weights(view, i);
    FoldedLayer& to = model.layers[i];
    for (size_t output = 0; output < shape.outputs; ++output) {
      to.bias[output] = static_cast<double>(from.bias[output]);
      for (size_t k = 0; k < shape.depth; ++k)
        to.weight[output * shape.depth + k] = element(from, shape.depth, output, k);
    }
    std::copy_n(from.table, shape.table, to.table.begin());
  }
  return model;
}

}  // namespace levit::tools
