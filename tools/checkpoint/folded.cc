#include "tools/checkpoint/folded.h"

namespace levit::tools {

std::vector<FoldedLayer> zero_layers(const weights::Config& config) {
  std::vector<weights::Layer> shapes(weights::layer_count(config));
  weights::list_layers(config, shapes.data());
  std::vector<FoldedLayer> layers(shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    layers[i].weight.resize(size_t{shapes[i].outputs} * shapes[i].depth);
    layers[i].bias.resize(shapes[i].outputs);
    layers[i].table.resize(shapes[i].table);
  }
  return layers;
}

}  // namespace levit::tools
