#include "runtime/network.h"

namespace levit::runtime {
namespace {

using weights::Part;

// Hands out the layers in the order of weights::list_layers.
struct LayerCursor {
  const weights::View* view;
  uint32_t next;

  Linear take(size_t outputs, size_t depth, const float** table = nullptr) {
    const weights::LayerWeights layer = weights::layer_weights(*view, next);
    if (table != nullptr) *table = layer.table;
    return {{layer.panels, view->half, outputs, depth}, layer.bias, next++};
  }
};

Block take_block(LayerCursor& cursor, const BlockShape& shape) {
  Block block{};
  block.shape = shape;
  block.qkv = cursor.take(shape.qkv_width(), shape.in, &block.table);
  if (shape.down()) block.q = cursor.take(shape.q_width(), shape.in);
  block.proj = cursor.take(shape.out, shape.attended_width());
  block.up = cursor.take(shape.hidden, shape.out);
  block.down = cursor.take(shape.out, shape.hidden);
  return block;
}

}  // namespace

BlockShape block_shape(const weights::Config& config, size_t stage, bool down) {
  const size_t from = down ? stage - 1 : stage;
  BlockShape shape{};
  shape.attention.side = weights::grid_side(config, from);
  shape.attention.stride = down ? 2 : 1;
  shape.attention.key = config.key;
  shape.attention.value = size_t{config.key} * (down ? config.downsample_ratio : config.attention_ratio);
  shape.heads = down ? config.dims[from] / config.key : config.heads[stage];
  shape.in = config.dims[from];
  shape.out = config.dims[stage];
  shape.hidden = shape.out * config.mlp_ratio;
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
  size_t side = config.side;
  for (size_t i = 0; i < level; ++i) side = (side + 1) / 2;
  return side;
}

size_t stem_channels(const weights::Config& config, size_t level) {
  return level == 0 ? kChannelsIn : config.dims[0] >> (kStemLayers - level);
}

Linear model_head(const weights::View& view) {
  LayerCursor cursor{&view, weights::layer_count(view.config) - 1};
  Linear head = cursor.take(view.config.classes, view.config.dims[kStages - 1]);
  head.w.half = view.half && !view.float_head;
  return head;
}

Network open_network(const weights::View& view, Block* blocks) {
  Network network{};
  network.view = view;
  network.blocks = blocks;
  LayerCursor cursor{&view, 0};
  for (size_t i = 0; i < kStemLayers; ++i)
    network.stem[i] = cursor.take(stem_channels(view.config, i + 1), 9 * stem_channels(view.config, i));
  Block* next = blocks;
  for (size_t stage = 0; stage < kStages; ++stage) {
    network.first_block[stage] = static_cast<size_t>(next - blocks);
    for (uint32_t order = stage == 0 ? 1 : 0; order <= view.config.depth[stage]; ++order) {
      const bool down = order == 0;
      *next = take_block(cursor, block_shape(view.config, stage, down));
      next->stage = static_cast<uint32_t>(stage);
      next->group = static_cast<uint32_t>(group_of(stage, down));
      next->order = down ? 0 : order - 1;
      ++next;
    }
  }
  network.first_block[kStages] = static_cast<size_t>(next - blocks);
  network.head = model_head(view);
  return network;
}

}  // namespace levit::runtime
