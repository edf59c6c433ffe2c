// The layers of LeViT (Graham et al. 2021, section 4 and table 1) by their index: what each takes in and
// gives out follows from the configuration here and nowhere else.
#include "weights/architecture.h"

#include <cstring>

namespace levit::weights {
namespace {

constexpr uint32_t kDownsampleLayers = 5;  // kv, q, proj, up, down
constexpr uint32_t kBlockLayers = 4;       // qkv, proj, up, down

bool between(uint32_t value, uint32_t low, uint32_t high) {
  return low <= value && value <= high;
}

Layer plain(Part part, uint32_t stage, uint32_t index, uint32_t outputs, uint32_t depth, uint32_t grid) {
  return {part, stage, index, outputs, depth, 0, grid, 0};
}

// Attention's input: per head `per_head` features, and one bias for every offset (|dy|, |dx|) on the grid.
Layer attention(Part part, uint32_t stage, uint32_t index, uint32_t heads, uint32_t per_head, uint32_t depth,
                uint32_t grid) {
  return {part, stage, index, heads * per_head, depth, heads, grid, heads * grid * grid};
}

Layer stem_layer(const Config& c, uint32_t i) {
  const uint32_t in = i == 0 ? uint32_t{kChannelsIn} : c.dims[0] >> (kStemLayers - i);
  return plain(Part::kStem, 0, i, c.dims[0] >> (kStemLayers - 1 - i), uint32_t{kTaps} * in, c.side >> i);
}

Layer mlp_layer(const Config& c, uint32_t stage, uint32_t index, bool expands) {
  const uint32_t dim = c.dims[stage], hidden = c.mlp_ratio * dim, grid = grid_side(c, stage);
  return expands ? plain(Part::kMlpExpand, stage, index, hidden, dim, grid)
                 : plain(Part::kMlpContract, stage, index, dim, hidden, grid);
}

Layer downsample_layer(const Config& c, uint32_t stage, uint32_t i) {
  const uint32_t in = c.dims[stage - 1], heads = in / c.key, value = c.downsample_ratio * c.key;
  const uint32_t grid_in = grid_side(c, stage - 1), grid_out = grid_side(c, stage);
  switch (i) {
    case 0:
      return attention(Part::kDownKv, stage, kDownsample, heads, c.key + value, in, grid_in);
    case 1:
      return plain(Part::kDownQ, stage, kDownsample, heads * c.key, in, grid_out);
    case 2:
      return plain(Part::kDownProj, stage, kDownsample, c.dims[stage], heads * value, grid_out);
    default:
      return mlp_layer(c, stage, kDownsample, i == 3);
  }
}

Layer block_layer(const Config& c, uint32_t stage, uint32_t block, uint32_t i) {
  const uint32_t dim = c.dims[stage], heads = c.heads[stage], value = c.attention_ratio * c.key;
  const uint32_t grid = grid_side(c, stage);
  switch (i) {
    case 0:
      return attention(Part::kQkv, stage, block, heads, 2 * c.key + value, dim, grid);
    case 1:
      return plain(Part::kProj, stage, block, dim, heads * value, grid);
    default:
      return mlp_layer(c, stage, block, i == 2);
  }
}

char* append(char* to, const char* text) {
  const size_t length = std::strlen(text);
  std::memcpy(to, text, length + 1);
  return to + length;
}

// Of two digits at most: neither blocks nor stages are more.
char* append(char* to, uint32_t number) {
  if (number >= 10) *to++ = static_cast<char>('0' + number / 10);
  *to++ = static_cast<char>('0' + number % 10);
  *to = '\0';
  return to;
}

const char* module_name(Part part) {
  switch (part) {
    case Part::kQkv:
      return "attn.qkv";
    case Part::kProj:
      return "attn.proj.ln";
    case Part::kDownKv:
      return "attn_downsample.kv";
    case Part::kDownQ:
      return "attn_downsample.q.ln";
    case Part::kDownProj:
      return "attn_downsample.proj.ln";
    case Part::kMlpExpand:
      return "mlp.ln1";
    case Part::kMlpContract:
      return "mlp.ln2";
    default:
      return "head";
  }
}

// The published shapes (Graham et al. 2021, table 1): what differs between them.
struct Variant {
  char name[12];
  uint32_t dims[kStages], heads[kStages], depth[kStages], key;
};
constexpr Variant kVariants[] = {
    {"levit_128s", {128, 256, 384}, {4, 6, 8}, {2, 3, 4}, 16},
    {"levit_128", {128, 256, 384}, {4, 8, 12}, {4, 4, 4}, 16},
    {"levit_192", {192, 288, 384}, {3, 5, 6}, {4, 4, 4}, 32},
    {"levit_256", {256, 384, 512}, {4, 6, 8}, {4, 4, 4}, 32},
    {"levit_384", {384, 512, 768}, {6, 9, 12}, {4, 4, 4}, 32},
};

bool same(const uint32_t (&a)[kStages], const uint32_t (&b)[kStages]) {
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

}  // namespace

bool valid(const Config& c) {
  bool fits = c.side == kSide && between(c.classes, 1, kMaxClasses) && between(c.key, 1, kMaxKey) &&
              between(c.attention_ratio, 1, kMaxRatio) && between(c.downsample_ratio, 1, kMaxRatio) &&
              between(c.mlp_ratio, 1, kMaxRatio);
  for (size_t s = 0; s < kStages; ++s) {
    fits = fits && between(c.dims[s], 8, kMaxDim) && c.dims[s] % 8 == 0 &&
           between(c.heads[s], 1, kMaxHeads) && between(c.depth[s], 1, kMaxDepth);
  }
  for (size_t s = 0; fits && s + 1 < kStages; ++s) {
    fits = c.dims[s] % c.key == 0 && c.dims[s] / c.key <= kMaxHeads;
  }
  return fits;
}

uint32_t grid_side(const Config& config, size_t stage) {
  uint32_t side = config.side / 16;
  for (size_t s = 0; s < stage; ++s) side = (side + 1) / 2;
  return side;
}

uint32_t layer_count(const Config& config) {
  const uint32_t blocks = config.depth[0] + config.depth[1] + config.depth[2];
  return uint32_t{kStemLayers} + 2 * kDownsampleLayers + blocks * kBlockLayers + 1;
}

Layer layer_at(const Config& config, uint32_t index) {
  if (index < kStemLayers) return stem_layer(config, index);
  uint32_t i = index - uint32_t{kStemLayers};
  for (uint32_t stage = 0; stage < kStages; ++stage) {
    const uint32_t before = stage == 0 ? 0 : kDownsampleLayers;
    if (i < before) return downsample_layer(config, stage, i);
    i -= before;
    const uint32_t layers = config.depth[stage] * kBlockLayers;
    if (i < layers) return block_layer(config, stage, i / kBlockLayers, i % kBlockLayers);
    i -= layers;
  }
  return plain(Part::kHead, kStages - 1, 0, config.classes, config.dims[kStages - 1],
               grid_side(config, kStages - 1));
}

uint32_t first_layer(const Config& config, uint32_t stage, uint32_t index) {
  uint32_t first = kStemLayers;
  for (uint32_t s = 0; s < stage; ++s)
    first += (s == 0 ? 0 : kDownsampleLayers) + config.depth[s] * kBlockLayers;
  if (index == kDownsample) return first;
  return first + (stage == 0 ? 0 : kDownsampleLayers) + index * kBlockLayers;
}

uint64_t parameter_count(const Config& config) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < layer_count(config); ++i) {
    const Layer layer = layer_at(config, i);
    count += uint64_t{layer.outputs} * layer.depth + layer.outputs + layer.table;
  }
  return count;
}

void list_layers(const Config& config, Layer* layers) {
  const uint32_t count = layer_count(config);
  for (uint32_t i = 0; i < count; ++i) layers[i] = layer_at(config, i);
}

void layer_name(const Layer& layer, char* name) {
  if (layer.part == Part::kStem) {
    append(append(name, "stem.conv"), layer.index + 1);
    return;
  }
  char* end = name;
  if (layer.part != Part::kHead) {
    end = append(append(name, "stages."), layer.stage);
    end = layer.index == kDownsample ? append(end, ".downsample.")
                                     : append(append(append(end, ".blocks."), layer.index), ".");
  }
  append(end, module_name(layer.part));
}

const char* variant_name(const Config& config) {
  if (config.attention_ratio != 2 || config.downsample_ratio != 4 || config.mlp_ratio != 2) return nullptr;
  for (const Variant& v : kVariants) {
    if (config.key == v.key && same(config.dims, v.dims) && same(config.heads, v.heads) &&
        same(config.depth, v.depth)) {
      return v.name;
    }
  }
  return nullptr;
}

}  // namespace levit::weights
