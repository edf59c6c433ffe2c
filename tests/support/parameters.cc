#include "tests/support/parameters.h"

#include "tools/checkpoint/families.h"
#include "weights/reader.h"

namespace levit::tests {

Parameters parameters_of(const levit_model* model, const float* gradient) {
  const weights::View view = weights::view(model);
  Parameters parameters;
  parameters.layers.resize(weights::layer_count(view.config));
  weights::list_layers(view.config, parameters.layers.data());
  const auto* const first = static_cast<const float*>(weights::layer_weights(view, 0).panels);
  const auto at = [&](const void* place) {
    const auto* const value = static_cast<const float*>(place);
    return gradient == nullptr ? value : gradient + (value - first);
  };
  for (uint32_t i = 0; i < parameters.layers.size(); ++i) {
    const weights::Layer& layer = parameters.layers[i];
    const weights::LayerWeights from = weights::layer_weights(view, i);
    std::vector<float> weight(size_t{layer.outputs} * layer.depth);
    for (size_t n = 0; n < layer.outputs; ++n)
      for (size_t k = 0; k < layer.depth; ++k)
        weight[n * layer.depth + k] = at(from.panels)[(n / 16 * layer.depth + k) * 16 + n % 16];
    parameters.weight.push_back(weight);
    parameters.bias.emplace_back(at(from.bias), at(from.bias) + layer.outputs);
    parameters.table.emplace_back();
    if (layer.table > 0) parameters.table.back().assign(at(from.table), at(from.table) + layer.table);
  }
  return parameters;
}

std::string Parameters::name(size_t layer) const {
  char text[weights::kNameBytes];
  weights::layer_name(layers[layer], text);
  return text;
}

std::string Parameters::table_name(size_t layer) const {
  return tools::table_name(layers[layer]);
}

std::vector<float> Parameters::as_torch(size_t index) const {
  const weights::Layer& layer = layers[index];
  if (layer.part != weights::Part::kStem) return weight[index];
  const size_t in = layer.depth / 9;
  std::vector<float> out(weight[index].size());
  for (size_t o = 0; o < layer.outputs; ++o)
    for (size_t tap = 0; tap < 9; ++tap)
      for (size_t c = 0; c < in; ++c) out[(o * in + c) * 9 + tap] = weight[index][(o * 9 + tap) * in + c];
  return out;
}

}  // namespace levit::tests
