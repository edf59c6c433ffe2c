#include "tests/support/parameters.h"

namespace levit::tests {

Parameters::Parameters(const levit_model* model) {
  const weights::Config config = weights::view(model).config;
  layers.resize(weights::layer_count(config));
  weights::list_layers(config, layers.data());
  for (const weights::Layer& layer : layers) {
    weight.emplace_back(size_t{layer.outputs} * layer.depth);
    bias.emplace_back(layer.outputs);
    table.emplace_back(layer.table);
  }
}

ParameterPointers::ParameterPointers(Parameters& parameters) {
  for (std::vector<float>& values : parameters.weight) weight_.push_back(values.data());
  for (std::vector<float>& values : parameters.bias) bias_.push_back(values.data());
  for (std::vector<float>& values : parameters.table) table_.push_back(values.data());
}

}  // namespace levit::tests
