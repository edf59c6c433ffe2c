// The network of a weight image: where each layer's parameters lie and how large its tensors are.
//
// A downsampling is a block whose attention has stride 2 and no residual; so a stage is a list of blocks, and
// a stage after the first begins with its downsampling.
#ifndef LEVIT_RUNTIME_NETWORK_H_
#define LEVIT_RUNTIME_NETWORK_H_

#include "kernels/attention.h"
#include "kernels/panels.h"
#include "runtime/levit.h"
#include "weights/layout.h"
#include "weights/reader.h"

namespace levit::runtime {

using weights::kChannelsIn;
using weights::kStages;
using weights::kStemLayers;

// What two rooms say of the same thing.
static_assert(weights::kPanelWidth == kernels::kPanelWidth, "the file's panels are those that GEMM reads");
static_assert(static_cast<int>(weights::Type::kFloat) == static_cast<int>(kernels::Number::kFloat) &&
              static_cast<int>(weights::Type::kHalf) == static_cast<int>(kernels::Number::kHalf) &&
              static_cast<int>(weights::Type::kInt8) == static_cast<int>(kernels::Number::kInt8));
static_assert(static_cast<int>(weights::Type::kFloat) == LEVIT_F32 &&
              static_cast<int>(weights::Type::kHalf) == LEVIT_F16 &&
              static_cast<int>(weights::Type::kInt8) == LEVIT_Q8);
static_assert(weights::kMaxHeads <= kernels::kMaxSegments, "the heads of a layer are segments of a GEMM");
static_assert(weights::kSide == LEVIT_SIDE);
static_assert(weights::kAlignment == LEVIT_ARENA_ALIGNMENT);
static_assert(static_cast<int>(weights::Resize::kSquash) == LEVIT_RESIZE_SQUASH &&
              static_cast<int>(weights::Resize::kTimm) == LEVIT_RESIZE_TIMM &&
              static_cast<int>(weights::Resize::kHf) == LEVIT_RESIZE_HF);

// Sizes of one block; tensors are tokens by channels.
struct BlockShape {
  kernels::AttentionShape attention;
  size_t heads;
  size_t in, out;  // channels before and after; equal but in a downsampling
  size_t hidden;   // of the MLP

  bool downsamples() const { return attention.stride == 2; }
  size_t keys() const { return attention.side * attention.side; }
  size_t queries() const {
    const size_t side = kernels::attention_query_side(attention);
    return side * side;
  }
  size_t head_width() const {
    return (downsamples() ? 1 : 2) * attention.key + attention.value;
  }  // q | k | v, or k | v
  size_t qkv_width() const { return heads * head_width(); }
  size_t q_width() const { return heads * attention.key; }  // the queries of a downsampling
  size_t attended_width() const { return heads * attention.value; }
};

// Shape of the blocks of a stage, or of the downsampling in front of it.
BlockShape block_shape(const weights::Config& config, size_t stage, bool downsamples);

struct Linear {
  kernels::Panels w;
  const float* bias;
  uint32_t layer;  // in weights::list_layers
};

struct Block {
  BlockShape shape;
  Linear qkv;                     // k and v only in a downsampling
  Linear q;                       // of a downsampling
  Linear proj, expand, contract;  // the MLP widens by mlp_ratio and narrows again
  const float* bias_table;        // of attention [heads, side * side]
  uint32_t stage;
  uint32_t group;  // 0: blocks of stage 0, 1: downsampling to stage 1, 2: blocks of stage 1, ...
  uint32_t index;  // within the group
};
// Its layers in order; kQ in a downsampling only.
enum class BlockLayer { kQkv, kQ, kProj, kExpand, kContract };
inline constexpr size_t kBlockLayers = 5;
inline const Linear& layer_of(const Block& block, BlockLayer layer) {
  const Linear* const layers[kBlockLayers] = {&block.qkv, &block.q, &block.proj, &block.expand,
                                              &block.contract};
  return *layers[static_cast<size_t>(layer)];
}

inline constexpr size_t kGroups = 2 * kStages - 1;
constexpr size_t group_of(size_t stage, bool downsamples) {
  return 2 * stage - (downsamples ? 1 : 0);
}

struct Network {
  weights::View view;
  Linear stem[kStemLayers];
  Linear head;
  Block* blocks;
  size_t first_block[kStages + 1];  // blocks of stage s: first_block[s] .. first_block[s + 1]
};

size_t block_count(const weights::Config& config);
size_t stage_tokens(const weights::Config& config, size_t stage);

// Side and channels of stem level 0 (the picture) to 4 (its output).
size_t stem_side(const weights::Config& config, size_t level);
size_t stem_channels(const weights::Config& config, size_t level);

// The classifier that the image holds.
Linear model_head(const weights::View& view);

// Fills a network; blocks: room for block_count() of them.
Network open_network(const weights::View& view, Block* blocks);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_NETWORK_H_
