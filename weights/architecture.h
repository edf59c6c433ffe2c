// The shape of a LeViT and its one table of layers, in the order of the forward pass. The file layout, the
// packer, the plan, forward and backward all walk this table; nothing else knows a layer's size. (Graham et
// al. 2021, table 1.)
#ifndef LEVIT_WEIGHTS_ARCHITECTURE_H_
#define LEVIT_WEIGHTS_ARCHITECTURE_H_

#include <cstddef>
#include <cstdint>

namespace levit::weights {

inline constexpr size_t kStages = 3;
inline constexpr size_t kStemLayers = 4;
inline constexpr size_t kChannelsIn = 3;   // of the picture
inline constexpr size_t kTaps = 9;         // of a 3x3 convolution
inline constexpr size_t kPanelWidth = 16;  // outputs of a packed panel

// The bounds of a valid configuration. They keep every product of sizes below 2^40, whatever a file says.
inline constexpr uint32_t kSide = 224;  // of the picture
inline constexpr uint32_t kMaxClasses = 65536;
inline constexpr uint32_t kMaxDim = 2048;  // a multiple of 8: the stem starts with dims[0] / 8 channels
inline constexpr uint32_t kMaxHeads = 64;
inline constexpr uint32_t kMaxDepth = 32;
inline constexpr uint32_t kMaxKey = 128;
inline constexpr uint32_t kMaxRatio = 8;

// What a file says of its network. Every stage halves the side of the token grid: 14, 7, 4.
struct Config {
  uint32_t classes;
  uint32_t side;              // kSide
  uint32_t dims[kStages];     // channels
  uint32_t heads[kStages];    // of the blocks; a downsampling has dims[stage - 1] / key heads
  uint32_t depth[kStages];    // blocks
  uint32_t key;               // width of q and k per head
  uint32_t attention_ratio;   // value width / key width in blocks: 2
  uint32_t downsample_ratio;  // the same in downsamplings: 4
  uint32_t mlp_ratio;         // hidden width / channels: 2
};

enum class Part : uint8_t {
  kStem,       // 3x3 stride-2 convolution `index` of 4; depth kTaps * cin
  kQkv,        // block `index`: heads x (q | k | v)
  kProj,       // block `index`: attention projection
  kDownKv,     // downsampling in front of the stage: heads x (k | v)
  kDownQ,      // its queries
  kDownProj,   // its projection
  kMlpExpand,  // of the downsampling (index = kDownsample) or of block `index`
  kMlpContract,
  kHead,  // classifier, both heads and their batch norms merged
};
inline constexpr uint32_t kDownsample = 0xffffffffu;

struct Layer {
  Part part;
  uint32_t stage;  // 0..2; 0 for the stem, 2 for the head
  uint32_t index;
  uint32_t outputs, depth;  // weight [outputs, depth], bias [outputs]
  uint32_t heads;           // of kQkv and kDownKv, else 0
  uint32_t grid;            // side of the token grid that goes in (picture side for the stem)
  uint32_t table;  // values of the attention bias table [heads, grid * grid] of kQkv and kDownKv, else 0
};

// Whether this library runs these sizes: positive, within the bounds, and key divides the channels in front
// of each downsampling. Everything below needs a valid configuration.
bool valid(const Config& config);

// Side of stage s's token grid: 14, 7, 4.
uint32_t grid_side(const Config& config, size_t stage);

uint32_t layer_count(const Config& config);

// Layer `index` < layer_count: stem, then per stage its downsampling (stages 1 and 2) and blocks, then the
// head.
Layer layer_at(const Config& config, uint32_t index);

// Its first layer: of block `index` of a stage, or of the downsampling in front of it (kDownsample). The
// others follow: attention's input (and the queries of a downsampling), its projection, the MLP's two.
uint32_t first_layer(const Config& config, uint32_t stage, uint32_t index);

// Values of the network without padding: weights, biases and tables of attention biases.
uint64_t parameter_count(const Config& config);

// All of them: layers[0 .. layer_count).
void list_layers(const Config& config, Layer* layers);

// timm's name of the layer's module: "stem.conv1", "stages.1.blocks.0.attn.qkv",
// "stages.1.downsample.attn_downsample.proj.ln", "stages.2.blocks.3.mlp.ln1", "head". Needs kNameBytes.
inline constexpr size_t kNameBytes = 64;
void layer_name(const Layer& layer, char* name);

// "levit_128s" and so on for the published shapes, else null.
const char* variant_name(const Config& config);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_ARCHITECTURE_H_
