// The weight image behind its handle.
#include "runtime/levit.h"
#include "runtime/network.h"
#include "weights/reader.h"

namespace {

// Values of the network without padding: weights, biases, attention tables.
uint64_t count_parameters(const levit::weights::Config& config) {
  using namespace levit::runtime;
  uint64_t count = 0;
  const auto add_linear = [&count](size_t outputs, size_t depth) {
    count += uint64_t{outputs} * depth + outputs;
  };
  for (size_t level = 0; level < kStemLayers; ++level)
    add_linear(stem_channels(config, level + 1), 9 * stem_channels(config, level));
  for (size_t stage = 0; stage < kStages; ++stage) {
    for (uint32_t i = stage == 0 ? 1 : 0; i <= config.depth[stage]; ++i) {
      const BlockShape shape = block_shape(config, stage, i == 0);
      add_linear(shape.qkv_width(), shape.in);
      if (shape.down()) add_linear(shape.q_width(), shape.in);
      add_linear(shape.out, shape.attended_width());
      add_linear(shape.hidden, shape.out);
      add_linear(shape.out, shape.hidden);
      count += shape.heads * shape.keys();
    }
  }
  add_linear(config.classes, config.dims[kStages - 1]);
  return count;
}

}  // namespace

extern "C" {

levit_status levit_open(const void* image, size_t bytes, const levit_model** model) {
  if (image == nullptr || model == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::weights::validate(image, bytes);
  *model = status == LEVIT_OK ? static_cast<const levit_model*>(image) : nullptr;
  return status;
}

levit_status levit_model_info(const levit_model* model, levit_info* info) {
  if (model == nullptr || info == nullptr || info->size != sizeof(levit_info)) return LEVIT_ARGUMENT;
  const levit::weights::View view = levit::weights::view(model);
  const levit::weights::Config& config = view.config;
  info->name = view.name;
  info->note = view.note;
  info->variant = levit::weights::variant_name(config);
  info->classes = config.classes;
  info->key = config.key;
  for (size_t stage = 0; stage < levit::weights::kStages; ++stage) {
    info->dims[stage] = config.dims[stage];
    info->heads[stage] = config.heads[stage];
    info->depth[stage] = config.depth[stage];
    info->grid[stage] = levit::weights::grid_side(config, stage);
  }
  info->parameters = count_parameters(config);
  info->half = view.half ? 1 : 0;
  info->resize = static_cast<levit_resize>(view.preprocessing.resize);
  for (size_t c = 0; c < 3; ++c) {
    info->mean[c] = view.preprocessing.mean[c];
    info->std[c] = view.preprocessing.std[c];
  }
  info->temperature = view.temperature;
  info->version_major = view.version_major;
  info->version_minor = view.version_minor;
  info->checksum = view.checksum;
  info->labels = view.labels;
  return LEVIT_OK;
}

const char* levit_label(const levit_model* model, size_t class_index) {
  if (model == nullptr) return nullptr;
  const levit::weights::View view = levit::weights::view(model);
  if (class_index >= view.labels) return nullptr;
  return levit::weights::label(view, static_cast<uint32_t>(class_index));
}

}  // extern "C"
