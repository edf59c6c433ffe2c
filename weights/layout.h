// Where everything lies in a .levit file: the one description that reader and writer share (FORMAT.md is its
// prose).
#ifndef LEVIT_WEIGHTS_LAYOUT_H_
#define LEVIT_WEIGHTS_LAYOUT_H_

#include <cstring>

#include "weights/architecture.h"

namespace levit::weights {

// Not text, and damaged by any transfer that takes it for text: a byte over 127, both line ends, and DOS's
// end of file.
inline constexpr uint8_t kMagic[8] = {0x89, 'L', 'V', 'T', '\r', '\n', 0x1a, '\n'};
inline constexpr uint16_t kVersionMajor = 1;
inline constexpr uint16_t kVersionMinor = 0;
// Required flags.
inline constexpr uint32_t kFlagHalf = 1;          // panels are fp16
inline constexpr uint32_t kFlagFloatHead = 2;     // but for the head's: fp32; beside kFlagHalf or kFlagInt8
inline constexpr uint32_t kFlagOneLogit = 4;      // a sigmoid: one class, two labels
inline constexpr uint32_t kFlagNoHead = 8;        // no classifier: one class of zeros, no labels
inline constexpr uint32_t kFlagInt8 = 16;         // panels as panel_type() says; not beside kFlagHalf
inline constexpr uint32_t kFlagFamiliarity = 32;  // a section behind the tensors (familiarity.h)
inline constexpr uint32_t kKnownFlags =
    kFlagHalf | kFlagFloatHead | kFlagOneLogit | kFlagNoHead | kFlagInt8 | kFlagFamiliarity;

inline constexpr size_t kAlignment = 64;     // of the image, of every tensor in it, and of its end
inline constexpr size_t kHeaderBytes = 192;  // fixed part; the table of tensors follows
inline constexpr size_t kEntryBytes = 32;    // of the table of tensors

// Offsets of the header's fields. u32 unless said otherwise.
enum HeaderField : size_t {
  kAtMagic = 0,          // u8[8]
  kAtVersionMajor = 8,   // u16
  kAtVersionMinor = 10,  // u16
  kAtRequired = 12,      // flags that a reader must know
  kAtOptional = 16,      // flags that a reader may ignore
  kAtHeaderBytes = 20,   // offset of the first tensor
  kAtFileBytes = 24,     // u64
  kAtChecksum = 32,      // u64
  kAtClasses = 40,
  kAtSide = 44,
  kAtDims = 48,   // [3]
  kAtHeads = 60,  // [3]
  kAtDepth = 72,  // [3]
  kAtKey = 84,
  kAtAttentionRatio = 88,
  kAtDownsampleRatio = 92,
  kAtMlpRatio = 96,
  kAtActivation = 100,  // kHardswish
  kAtResize = 104,
  kAtMean = 108,         // f32[3]
  kAtStd = 120,          // f32[3]
  kAtTemperature = 132,  // f32
  kAtTensors = 136,      // entries of the table of tensors
  kAtStringBytes = 140,  // of the strings, which follow the table
  kAtMeans = 144,        // of the section of familiarity; 0 without it
  kAtReserved = 148,     // zero up to kHeaderBytes
};
inline constexpr uint32_t kHardswish = 0;

// Offsets within an entry of the table of tensors.
enum EntryField : size_t {
  kAtKind = 0,   // u8, Kind
  kAtPart = 1,   // u8, Part
  kAtStage = 2,  // u8
  kAtType = 3,   // u8, Type
  kAtIndex = 4,
  kAtRows = 8,
  kAtColumns = 12,
  kAtOffset = 16,  // u64, from the start of the file
  kAtBytes = 24,   // u64, without the zeros behind it
};

enum class Kind : uint8_t { kPanels = 0, kBias = 1, kBiasTable = 2, kScales = 3 };
enum class Type : uint8_t { kFloat = 0, kHalf = 1, kInt8 = 2 };

constexpr uint64_t size_of(Type type) {
  return type == Type::kFloat ? 4 : type == Type::kHalf ? 2 : 1;
}

// Of a file with these flags, and the flags of such a file.
constexpr Type type_of(uint32_t flags) {
  return (flags & kFlagInt8) != 0 ? Type::kInt8 : (flags & kFlagHalf) != 0 ? Type::kHalf : Type::kFloat;
}
constexpr uint32_t flags_of(Type type) {
  return type == Type::kInt8 ? kFlagInt8 : type == Type::kHalf ? kFlagHalf : 0;
}

// What a layer's panels hold in a file of that type. In an int8 file the first three convolutions and the
// head are fp16: 0.4 % of LeViT-128S's weights, whose rounding to int8 moves its logits five times as much as
// that of all the others (weights/FORMAT.md).
Type panel_type(const Layer& layer, Type type, bool float_head);

constexpr uint64_t align_up(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// A tensor and its place in the file. Everything in it follows from the configuration; nothing is read from
// the file.
struct Tensor {
  Kind kind;
  Type type;
  Layer layer;
  uint32_t rows,
      columns;      // panels: W's [outputs, depth]; scales, bias: [outputs, 1]; table: [heads, grid * grid]
  uint64_t offset;  // a multiple of kAlignment
  uint64_t bytes;   // padded lanes included; then zeros up to the next multiple of kAlignment
};

// The tensors of a valid configuration in the order of the file: per layer its panels, of int8 their scales,
// its bias and, where there is one, its table of attention biases. Starts with walk.offset at the first
// tensor and ends with it at the end of the file.
struct TensorWalk {
  const Config* config;
  Type type;  // of the file
  uint64_t offset;
  bool float_head = false;         // the head's panels are fp32 in spite of `type`
  uint32_t layer = 0, tensor = 0;  // the next one, counted within its layer
};
bool next_tensor(TensorWalk* walk, Tensor* tensor);

uint32_t tensor_count(const Config& config, Type type);

// Where the strings lie, behind the table of tensors.
uint64_t strings_offset(const Config& config, Type type);

// Of a file whose first tensor lies at header_bytes.
uint64_t file_bytes(const Config& config, Type type, uint64_t header_bytes, bool float_head = false);

// The entry of the table of tensors that describes a tensor.
void describe(const Tensor& tensor, uint8_t entry[kEntryBytes]);

// Numbers of the file are little-endian and assembled byte by byte: right on every host, one load on a
// little-endian one.
inline uint16_t load_u16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | p[1] << 8);
}

inline uint32_t load_u32(const uint8_t* p) {
  return uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
}

inline uint64_t load_u64(const uint8_t* p) {
  return uint64_t{p[0]} | uint64_t{p[1]} << 8 | uint64_t{p[2]} << 16 | uint64_t{p[3]} << 24 |
         uint64_t{p[4]} << 32 | uint64_t{p[5]} << 40 | uint64_t{p[6]} << 48 | uint64_t{p[7]} << 56;
}

inline float load_f32(const uint8_t* p) {
  const uint32_t bits = load_u32(p);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void store_u16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value);
  p[1] = static_cast<uint8_t>(value >> 8);
}

inline void store_u32(uint8_t* p, uint32_t value) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(value >> (8 * i));
}

inline void store_u64(uint8_t* p, uint64_t value) {
  for (int i = 0; i < 8; ++i) p[i] = static_cast<uint8_t>(value >> (8 * i));
}

inline void store_f32(uint8_t* p, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  store_u32(p, bits);
}

// Of padding.
inline bool all_zero(const uint8_t* data, size_t bytes) {
  uint8_t any = 0;
  for (size_t i = 0; i < bytes; ++i) any = static_cast<uint8_t>(any | data[i]);
  return any == 0;
}

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_LAYOUT_H_
