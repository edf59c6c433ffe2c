#include "runtime/network.h"

namespace levit::runtime {
namespace {

// Layer `index` of the network: its sizes from weights::layer_at, its values from the image.
Linear linear_at(const weights::View& view, uint32_t index) {
  const weights::Layer layer = weights::layer_at(view.config, index);
  const weights::LayerWeights values = weights::layer_weights(view, index);
  return {
      {values.panels, static_cast<kernels::Number>(values.type), layer.outputs, layer.depth, values.scale},
      values.bias,
      index};
}

// One layer after the other.
Block block_from(const weights::View& view, const BlockShape& shape, uint32_t first) {
  Block block{};
  block.shape = shape;
  block.bias_table = weights::layer_weights(view, first).table;
  block.qkv = linear_at(view, first++);
  if (shape.downsamples()) block.q = linear_at(view, first++);
  block.proj = linear_at(view, first++);
  block.expand = linear_at(view, first++);
  block.contract = linear_at(view, first);
  return block;
}

}  // namespace

BlockShape block_shape(const weights::Config& config, size_t stage, bool downsamples) {
  const uint32_t first =
      weights::first_layer(config, static_cast<uint32_t>(stage), downsamples ? weights::kDownsample : 0);
  const uint32_t proj_at = first + (downsamples ? 2 : 1);
  const weights::Layer qkv = weights::layer_at(config, first), proj = weights::layer_at(config, proj_at),
                       expand = weights::layer_at(config, proj_at + 1);
  BlockShape shape{};
  shape.attention.side = qkv.grid;
  shape.attention.stride = downsamples ? 2 : 1;
  shape.attention.key = config.key;
  shape.attention.value = proj.depth / qkv.heads;
  shape.heads = qkv.heads;
  shape.in = qkv.depth;
  shape.out = proj.outputs;
  shape.hidden = expand.outputs;
  return shape;
}

size_t block_count(const weights::Config& config) {
  size_t count = kStages - 1;
  for (const uint32_t depth : config.depth) count += depth;
  return count;
}

size_t stage_tokens(const weights::Config& config, size_t stage) {
  const size_t side = weights::grid_side(config, stage);
  return side * side;
}

size_t stem_side(const weights::Config& config, size_t level) {
  return level == kStemLayers ? weights::grid_side(config, 0)
                              : weights::layer_at(config, static_cast<uint32_t>(level)).grid;
}

size_t stem_channels(const weights::Config& config, size_t level) {
  return level == 0 ? kChannelsIn : weights::layer_at(config, static_cast<uint32_t>(level - 1)).outputs;
}

Linear model_head(const weights::View& view) {
  return linear_at(view, weights::layer_count(view.config) - 1);
}

Network open_network(const weights::View& view, Block* blocks) {
  Network network{};
  network.view = view;
  network.blocks = blocks;
  for (uint32_t i = 0; i < kStemLayers; ++i) network.stem[i] = linear_at(view, i);
  Block* next = blocks;
  for (size_t stage = 0; stage < kStages; ++stage) {
    network.first_block[stage] = static_cast<size_t>(next - blocks);
    for (uint32_t i = 0; i < view.config.depth[stage] + (stage == 0 ? 0 : 1); ++i) {
      const bool downsamples = stage > 0 && i == 0;
      const uint32_t index = stage > 0 && !downsamples ? i - 1 : i;
      const uint32_t first = weights::first_layer(view.config, static_cast<uint32_t>(stage),
                                                  downsamples ? weights::kDownsample : index);
      *next = block_from(view, block_shape(view.config, stage, downsamples), first);
      next->stage = static_cast<uint32_t>(stage);
      next->group = static_cast<uint32_t>(group_of(stage, downsamples));
      next->index = index;
      ++next;
    }
  }
  network.first_block[kStages] = static_cast<size_t>(next - blocks);
  network.head = model_head(view);
  return network;
}

}  // namespace levit::runtime
