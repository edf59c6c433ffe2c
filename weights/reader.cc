#include "weights/reader.h"

namespace levit::weights {
namespace {

const char* next_string(const char* string) {
  return string + std::strlen(string) + 1;
}

void load_stages(const uint8_t* from, uint32_t (&to)[kStages]) {
  for (size_t s = 0; s < kStages; ++s) to[s] = load_u32(from + 4 * s);
}

Config load_config(const uint8_t* image) {
  Config config{};
  config.classes = load_u32(image + kAtClasses);
  config.side = load_u32(image + kAtSide);
  load_stages(image + kAtDims, config.dims);
  load_stages(image + kAtHeads, config.heads);
  load_stages(image + kAtDepth, config.depth);
  config.key = load_u32(image + kAtKey);
  config.attention_ratio = load_u32(image + kAtAttentionRatio);
  config.downsample_ratio = load_u32(image + kAtDownsampleRatio);
  config.mlp_ratio = load_u32(image + kAtMlpRatio);
  return config;
}

}  // namespace

View load_header(const uint8_t* image) {
  View view{};
  view.config = load_config(image);
  for (size_t c = 0; c < 3; ++c) {
    view.preprocessing.mean[c] = load_f32(image + kAtMean + 4 * c);
    view.preprocessing.std[c] = load_f32(image + kAtStd + 4 * c);
  }
  view.preprocessing.resize = static_cast<Resize>(load_u32(image + kAtResize));
  view.temperature = load_f32(image + kAtTemperature);
  view.type = type_of(load_u32(image + kAtRequired));
  view.float_head = (load_u32(image + kAtRequired) & kFlagFloatHead) != 0;
  view.no_head = (load_u32(image + kAtRequired) & kFlagNoHead) != 0;
  const bool one_logit = (load_u32(image + kAtRequired) & kFlagOneLogit) != 0;
  view.labels = view.no_head ? 0 : one_logit ? 2 : view.config.classes;
  view.means = (load_u32(image + kAtRequired) & kFlagFamiliarity) != 0 ? load_u32(image + kAtMeans) : 0;
  view.version_major = load_u16(image + kAtVersionMajor);
  view.version_minor = load_u16(image + kAtVersionMinor);
  view.checksum = load_u64(image + kAtChecksum);
  view.image = image;
  view.bytes = static_cast<size_t>(load_u64(image + kAtFileBytes));
  view.tensors = image + kHeaderBytes;
  view.name =
      reinterpret_cast<const char*>(view.tensors + size_t{load_u32(image + kAtTensors)} * kEntryBytes);
  view.labels_end = view.name + load_u32(image + kAtStringBytes);
  return view;
}

View view(const void* image) {
  View view = load_header(static_cast<const uint8_t*>(image));
  view.note = next_string(view.name);
  view.first_label = next_string(view.note);
  return view;
}

LayerWeights layer_weights(const View& view, uint32_t index) {
  const uint8_t* entry = view.tensors;
  for (uint32_t panels = 0;; entry += kEntryBytes) {
    if (entry[kAtKind] == static_cast<uint8_t>(Kind::kPanels) && panels++ == index) break;
  }
  LayerWeights values{};
  values.panels = view.image + load_u64(entry + kAtOffset);
  values.type = static_cast<Type>(entry[kAtType]);
  const auto next = [&] {
    entry += kEntryBytes;
    return reinterpret_cast<const float*>(view.image + load_u64(entry + kAtOffset));
  };
  if (values.type == Type::kInt8) values.scale = next();
  values.bias = next();
  if (layer_at(view.config, index).table > 0) values.table = next();
  return values;
}

const char* label(const View& view, uint32_t class_index) {
  const char* label = view.first_label;
  while (class_index-- > 0) label = next_string(label);
  return label;
}

const char* next_label(const View& view, const char* label) {
  const char* next = next_string(label);
  return next == view.labels_end ? nullptr : next;
}

}  // namespace levit::weights
