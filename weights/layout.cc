#include "weights/layout.h"

namespace levit::weights {
namespace {

// panels: what the layer's hold.
Tensor tensor_of(const Layer& layer, Kind kind, Type panels, uint64_t offset) {
  const uint64_t padded = (uint64_t{layer.outputs} + kPanelWidth - 1) / kPanelWidth * kPanelWidth;
  switch (kind) {
    case Kind::kPanels:
      return {
          kind, panels, layer, layer.outputs, layer.depth, offset, padded * layer.depth * size_of(panels)};
    case Kind::kScales:
    case Kind::kBias:
      return {kind, Type::kFloat, layer, layer.outputs, 1, offset, padded * 4};
    default:
      return {
          kind, Type::kFloat, layer, layer.heads, layer.grid * layer.grid, offset, uint64_t{layer.table} * 4};
  }
}

constexpr uint32_t tensors_of(const Layer& layer, Type panels) {
  return 2 + (panels == Type::kInt8 ? 1 : 0) + (layer.table > 0 ? 1 : 0);
}

// Of the layer's tensors in their order: panels, scales of int8, bias, table.
constexpr Kind kind_at(Type panels, uint32_t index) {
  constexpr Kind kKinds[] = {Kind::kPanels, Kind::kScales, Kind::kBias, Kind::kBiasTable};
  // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): index < tensors_of
  return kKinds[index > 0 && panels != Type::kInt8 ? index + 1 : index];
}

}  // namespace

Type panel_type(const Layer& layer, Type type, bool float_head) {
  const bool head = layer.part == Part::kHead;
  if (head && float_head) return Type::kFloat;
  const bool fine = head || (layer.part == Part::kStem && layer.index + 1 < kStemLayers);
  return fine && type == Type::kInt8 ? Type::kHalf : type;
}

bool next_tensor(TensorWalk* walk, Tensor* tensor) {
  if (walk->layer == layer_count(*walk->config)) return false;
  const Layer layer = layer_at(*walk->config, walk->layer);
  const Type panels = panel_type(layer, walk->type, walk->float_head);
  *tensor = tensor_of(layer, kind_at(panels, walk->tensor), panels, walk->offset);
  walk->offset = align_up(walk->offset + tensor->bytes);
  if (++walk->tensor == tensors_of(layer, panels)) {
    walk->tensor = 0;
    ++walk->layer;
  }
  return true;
}

uint32_t tensor_count(const Config& config, Type type) {
  TensorWalk walk{&config, type, 0};
  uint32_t count = 0;
  for (Tensor tensor; next_tensor(&walk, &tensor);) ++count;
  return count;
}

uint64_t strings_offset(const Config& config, Type type) {
  return kHeaderBytes + uint64_t{tensor_count(config, type)} * kEntryBytes;
}

uint64_t file_bytes(const Config& config, Type type, uint64_t header_bytes, bool float_head) {
  TensorWalk walk{&config, type, header_bytes, float_head};
  Tensor tensor;
  while (next_tensor(&walk, &tensor)) continue;
  return walk.offset;
}

void describe(const Tensor& tensor, uint8_t entry[kEntryBytes]) {
  entry[kAtKind] = static_cast<uint8_t>(tensor.kind);
  entry[kAtPart] = static_cast<uint8_t>(tensor.layer.part);
  entry[kAtStage] = static_cast<uint8_t>(tensor.layer.stage);
  entry[kAtType] = static_cast<uint8_t>(tensor.type);
  store_u32(entry + kAtIndex, tensor.layer.index);
  store_u32(entry + kAtRows, tensor.rows);
  store_u32(entry + kAtColumns, tensor.columns);
  store_u64(entry + kAtOffset, tensor.offset);
  store_u64(entry + kAtBytes, tensor.bytes);
}

}  // namespace levit::weights
