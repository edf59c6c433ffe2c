#include "weights/layout.h"

namespace levit::weights {
namespace {

Tensor tensor_of(const Layer& layer, Kind kind, bool half, uint64_t offset) {
  const uint64_t padded = (uint64_t{layer.outputs} + kPanelWidth - 1) / kPanelWidth * kPanelWidth;
  const uint64_t width = half ? 2 : 4;
  switch (kind) {
    case Kind::kPanels:
      return {kind,   half ? Type::kHalf : Type::kFloat, layer, layer.outputs, layer.depth,
              offset, padded * layer.depth * width};
    case Kind::kBias:
      return {kind, Type::kFloat, layer, layer.outputs, 1, offset, padded * 4};
    default:
      return {
          kind, Type::kFloat, layer, layer.heads, layer.grid * layer.grid, offset, uint64_t{layer.table} * 4};
  }
}

constexpr uint32_t tensors_of(const Layer& layer) {
  return layer.table > 0 ? 3 : 2;
}

}  // namespace

bool next_tensor(TensorWalk* walk, Tensor* tensor) {
  if (walk->layer == layer_count(*walk->config)) return false;
  const Layer layer = layer_at(*walk->config, walk->layer);
  const bool half = walk->half && !(walk->float_head && layer.part == Part::kHead);
  *tensor = tensor_of(layer, static_cast<Kind>(walk->kind), half, walk->offset);
  walk->offset = align_up(walk->offset + tensor->bytes);
  if (++walk->kind == tensors_of(layer)) {
    walk->kind = 0;
    ++walk->layer;
  }
  return true;
}

uint32_t tensor_count(const Config& config) {
  const uint32_t layers = layer_count(config);
  uint32_t count = 0;
  for (uint32_t i = 0; i < layers; ++i) count += tensors_of(layer_at(config, i));
  return count;
}

uint64_t file_bytes(const Config& config, bool half, uint64_t header_bytes, bool float_head) {
  TensorWalk walk{&config, half, header_bytes, float_head};
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
