// Features for a head, and other heads than the model's own.
#include "runtime/head.h"

#include <cstdint>
#include <cstring>
#include <new>

#include "kernels/tokens.h"
#include "runtime/context.h"
#include "runtime/pass.h"
#include "runtime/tensor.h"

namespace levit::runtime {
namespace {

using kernels::kPanelWidth;

constexpr size_t kHeadBytes = kernels::round_up(sizeof(levit_head), LEVIT_ARENA_ALIGNMENT);

bool head_fits(size_t features, size_t classes) {
  return features > 0 && features <= weights::kMaxDim && classes > 0 && classes <= weights::kMaxClasses;
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_features(levit_context* context, levit_input input, size_t count, float* features) {
  if (features == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_input(context, input, count);
  if (status != LEVIT_OK) return status;
  levit::runtime::Pass pass{*context, input, count};
  pass.features = features;
  return levit::runtime::run(pass, nullptr, nullptr);
}

levit_status levit_classify_features(levit_context* context, levit_input input, size_t count, float* logits,
                                     float* features) {
  if (features == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_scored_input(context, input, count);
  if (status != LEVIT_OK) return status;
  if (logits == nullptr) return LEVIT_ARGUMENT;
  levit::runtime::Pass pass{*context, input, count};
  pass.features = features;
  return levit::runtime::run(pass, logits, nullptr);
}

levit_status levit_head_pack_bytes(size_t features, size_t classes, size_t* bytes) {
  using namespace levit::runtime;
  if (bytes == nullptr || !head_fits(features, classes)) return LEVIT_ARGUMENT;
  *bytes = kHeadBytes + levit::kernels::panel_values(classes, features + 1) * sizeof(float);
  return LEVIT_OK;
}

levit_status levit_head_pack(const float* weight, const float* bias, size_t features, size_t classes,
                             void* memory, size_t bytes, const levit_head** head) {
  using namespace levit::runtime;
  if (weight == nullptr || bias == nullptr || memory == nullptr || head == nullptr) return LEVIT_ARGUMENT;
  size_t needed = 0;
  const levit_status status = levit_head_pack_bytes(features, classes, &needed);
  if (status != LEVIT_OK) return status;
  if (reinterpret_cast<uintptr_t>(memory) % LEVIT_ARENA_ALIGNMENT != 0) return LEVIT_ALIGNMENT;
  if (bytes < needed) return LEVIT_ARENA;
  if (!all_finite(weight, classes * features) || !all_finite(bias, classes)) return LEVIT_NUMBER;

  auto* const panels = reinterpret_cast<float*>(static_cast<unsigned char*>(memory) + kHeadBytes);
  float* const packed_bias = panels + levit::kernels::panel_values(classes, features);
  std::memset(panels, 0, needed - kHeadBytes);
  for (size_t output = 0; output < classes; ++output) {
    float* const column = panels + output / kPanelWidth * features * kPanelWidth + output % kPanelWidth;
    for (size_t k = 0; k < features; ++k) column[k * kPanelWidth] = weight[output * features + k];
    packed_bias[output] = bias[output];
  }
  *head = new (memory) levit_head{{panels, levit::kernels::Number::kFloat, classes, features}, packed_bias};
  return LEVIT_OK;
}

levit_status levit_use_head(levit_context* context, const levit_head* head) {
  using namespace levit::runtime;
  if (context == nullptr) return LEVIT_ARGUMENT;
  Network& network = context->network;
  const levit::weights::View own = levit::weights::view(network.view.image);
  if (head == nullptr) {
    network.head = model_head(own);
    network.view = own;
    return LEVIT_OK;
  }
  if (head->w.depth != own.config.dims[kStages - 1]) return LEVIT_ARGUMENT;
  if (context->plan.options.gradient && head->w.outputs > own.config.classes) return LEVIT_CLASS;
  network.head.w = head->w;
  network.head.bias = head->bias;
  network.view.config.classes = network.view.labels = static_cast<uint32_t>(head->w.outputs);
  network.view.no_head = false;
  network.view.temperature = 1;
  return LEVIT_OK;
}

levit_status levit_class_map(levit_context* context, levit_input input, size_t class_index, float* map,
                             float* logits) {
  using namespace levit::runtime;
  if (map == nullptr || logits == nullptr) return LEVIT_ARGUMENT;
  levit_status status = check_scored_input(context, input, 1);
  if (status != LEVIT_OK) return status;
  const Linear& head = context->network.head;
  if (class_index >= head.w.outputs) return LEVIT_CLASS;
  status = run({*context, input, 1}, logits, nullptr);
  if (status != LEVIT_OK) return status;
  // The tokens of the last stage: nothing of a forward pass is written over them.
  const float* const x = context->at(context->plan.x[kStages - 1]);
  const size_t cells = stage_tokens(config_of(*context), kStages - 1);
  for (size_t t = 0; t < cells; ++t) {
    double sum = static_cast<double>(head.bias[class_index]);
    for (size_t k = 0; k < head.w.depth; ++k)
      sum += static_cast<double>(levit::kernels::weight_at(head.w, class_index, k)) *
             static_cast<double>(x[t * head.w.depth + k]);
    map[t] = static_cast<float>(sum / static_cast<double>(cells));
  }
  return LEVIT_OK;
}

}  // extern "C"
