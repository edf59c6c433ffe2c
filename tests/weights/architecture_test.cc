#include "weights/architecture.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/weights/models.h"

using namespace levit;

namespace {

std::vector<std::string> names(const weights::Config& config) {
  std::vector<weights::Layer> layers(weights::layer_count(config));
  weights::list_layers(config, layers.data());
  std::vector<std::string> names;
  for (const weights::Layer& layer : layers) {
    char name[weights::kNameBytes];
    weights::layer_name(layer, name);
    names.emplace_back(name);
  }
  return names;
}

}  // namespace

TEST_CASE("the layers of LeViT-128S are timm's, in the order of the forward pass") {
  const std::vector<std::string> all = names(tests::published("levit_128s", 1000));
  REQUIRE(all.size() == 4 + 10 + 4 * 9 + 1);
  CHECK(all[0] == "stem.conv1");
  CHECK(all[3] == "stem.conv4");
  CHECK(all[4] == "stages.0.blocks.0.attn.qkv");
  CHECK(all[5] == "stages.0.blocks.0.attn.proj.ln");
  CHECK(all[11] == "stages.0.blocks.1.mlp.ln2");
  CHECK(all[12] == "stages.1.downsample.attn_downsample.kv");
  CHECK(all[13] == "stages.1.downsample.attn_downsample.q.ln");
  CHECK(all[14] == "stages.1.downsample.attn_downsample.proj.ln");
  CHECK(all[15] == "stages.1.downsample.mlp.ln1");
  CHECK(all[16] == "stages.1.downsample.mlp.ln2");
  CHECK(all[17] == "stages.1.blocks.0.attn.qkv");
  CHECK(all.back() == "head");
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
}

// Values of the network with batch norms folded and both heads merged, as summed over the published
// checkpoints' shapes.
TEST_CASE("every published shape has its number of values") {
  const std::pair<const char*, uint64_t> expected[] = {{"levit_128s", 14742932},
                                                       {"levit_128", 17607728},
                                                       {"levit_192", 21067226},
                                                       {"levit_256", 36686552},
                                                       {"levit_384", 76610200}};
  for (const auto& variant : expected) {
    const std::string name = variant.first;
    CAPTURE(name);
    const weights::Config config = tests::published(name, 1000);
    CHECK(weights::valid(config));
    CHECK(weights::variant_name(config) == name);
    uint64_t values = 0;
    for (uint32_t i = 0; i < weights::layer_count(config); ++i) {
      const weights::Layer layer = weights::layer_at(config, i);
      values += uint64_t{layer.outputs} * (layer.depth + 1) + layer.table;
    }
    CHECK(2 * values == variant.second);
  }
}

TEST_CASE("token grids are 14, 7 and 4") {
  const weights::Config config = tests::published("levit_256", 2);
  CHECK(weights::grid_side(config, 0) == 14);
  CHECK(weights::grid_side(config, 1) == 7);
  CHECK(weights::grid_side(config, 2) == 4);
}

TEST_CASE("the first layer of every block and downsampling is where the list has it") {
  const weights::Config config = tests::published("levit_128", 2);
  const std::vector<std::string> all = names(config);
  for (uint32_t stage = 0; stage < weights::kStages; ++stage) {
    const std::string prefix = "stages." + std::to_string(stage);
    if (stage > 0)
      CHECK(all[weights::first_layer(config, stage, weights::kDownsample)] ==
            prefix + ".downsample.attn_downsample.kv");
    for (uint32_t block = 0; block < config.depth[stage]; ++block)
      CHECK(all[weights::first_layer(config, stage, block)] ==
            prefix + ".blocks." + std::to_string(block) + ".attn.qkv");
  }
}

// timm's levit_128s with two classes, both heads and all batch norms folded.
TEST_CASE("the parameters of a network are counted from its list of layers") {
  CHECK(weights::parameter_count(tests::published("levit_128s", 2)) == 6987236);
}
