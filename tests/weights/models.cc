#include "tests/weights/models.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <new>

#include "tests/support/npy.h"

namespace levit::tests {

weights::Config published(const std::string& name, uint32_t classes) {
  static const std::map<std::string, weights::Config> all = {
      {"levit_128s", {0, 224, {128, 256, 384}, {4, 6, 8}, {2, 3, 4}, 16, 2, 4, 2}},
      {"levit_128", {0, 224, {128, 256, 384}, {4, 8, 12}, {4, 4, 4}, 16, 2, 4, 2}},
      {"levit_192", {0, 224, {192, 288, 384}, {3, 5, 6}, {4, 4, 4}, 32, 2, 4, 2}},
      {"levit_256", {0, 224, {256, 384, 512}, {4, 6, 8}, {4, 4, 4}, 32, 2, 4, 2}},
      {"levit_384", {0, 224, {384, 512, 768}, {6, 9, 12}, {4, 4, 4}, 32, 2, 4, 2}},
  };
  weights::Config config = all.at(name);
  config.classes = classes;
  return config;
}

weights::Config micro(uint32_t classes) {
  return {classes, 224, {16, 24, 32}, {1, 2, 2}, {1, 1, 1}, 8, 2, 4, 2};
}

weights::Config smallest(uint32_t classes) {
  return {classes, 224, {8, 8, 8}, {1, 1, 1}, {1, 1, 1}, 8, 1, 1, 1};
}

tools::FoldedModel seeded_model(const weights::Config& config) {
  tools::FoldedModel model;
  model.config = config;
  model.layers = tools::zero_layers(config);
  for (size_t i = 0; i < model.layers.size(); ++i) {
    tools::FoldedLayer& layer = model.layers[i];
    const std::string name = "layer" + std::to_string(i);
    layer.weight = uniform(name + ".weight", layer.weight.size());
    layer.bias = uniform(name + ".bias", layer.bias.size());
    layer.table = uniform(name + ".table", layer.table.size());
  }
  for (uint32_t c = 0; c < config.classes; ++c) model.labels.push_back("class" + std::to_string(c));
  model.name = "seeded";
  model.note = "Made from\na formula.";
  return model;
}

std::vector<uint8_t> read_data(const std::string& name) {
  std::ifstream file(data_path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<uint8_t> smallest_f16() {
  return read_data("fuzz/weights/smallest_f16.levit");
}

Image::Image(const std::vector<uint8_t>& bytes, size_t shift)
    : memory_(nullptr, &std::free), shift_(shift), bytes_(bytes.size()) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, std::max<size_t>(1, shift + bytes_)) != 0) throw std::bad_alloc();
  memory_.reset(static_cast<uint8_t*>(memory));
  std::copy(bytes.begin(), bytes.end(), data());
}

}  // namespace levit::tests
