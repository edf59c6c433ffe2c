// Gradients of scores down to a layer.
#include <cstring>

#include "runtime/context.h"
#include "runtime/pass.h"

namespace levit::runtime {
namespace {

// The normalised pictures as the network sees them, [count][3][side][side].
void copy_pictures(const levit_context& context, levit_input input, size_t count, float* out) {
  const size_t side = config_of(context).side, values = kChannelsIn * side * side;
  if (input.tensor != nullptr) {
    std::memcpy(out, input.tensor, count * values * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) levit_normalise(&context, input.rgb + i * values, out + i * values);
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_layer_floats(const levit_model* model, levit_layer layer, size_t* floats) {
  if (model == nullptr || floats == nullptr) return LEVIT_ARGUMENT;
  if (layer < LEVIT_INPUT || layer > LEVIT_STAGE2) return LEVIT_LAYER;
  *floats = levit::runtime::layer_floats(levit::weights::view(model).config, layer);
  return LEVIT_OK;
}

levit_status levit_gradient(levit_context* context, levit_input input, size_t count, const float* direction,
                            levit_layer layer, float* gradient, float* activation, float* logits) {
  using namespace levit::runtime;
  if (context == nullptr || gradient == nullptr) return LEVIT_ARGUMENT;
  if (!context->plan.options.gradient) return LEVIT_FEATURE;
  if (layer < LEVIT_INPUT || layer > LEVIT_STAGE2) return LEVIT_LAYER;
  levit_status status = check_scored_input(context, input, count);
  if (status == LEVIT_OK) status = check_direction(*context, direction, count);
  if (status != LEVIT_OK) return status;
  Pass pass{*context, input, count};
  pass.layer = layer;
  pass.gradient = gradient;
  if (layer == LEVIT_INPUT && activation != nullptr)
    copy_pictures(*context, input, count, activation);
  else
    pass.activation = activation;
  status = run(pass, logits != nullptr ? logits : context->at(context->plan.logits), direction);
  if (status != LEVIT_OK) return status;
  return all_finite(gradient, count * layer_floats(config_of(*context), layer)) ? LEVIT_OK : LEVIT_NUMBER;
}

}  // extern "C"
