// The CAM family: maps from activations and gradients, and their finish.
#include "runtime/context.h"
#include "runtime/pass.h"

namespace levit::runtime {
namespace {

// Channels taken together: one cache line of a token.
constexpr size_t kLine = 16;

struct Sums {
  double activation[kLine] = {}, gradient[kLine] = {}, product[kLine] = {};
};

// Over all tokens, for `count` channels; rows `stride` apart.
Sums sum_tokens(const float* activation, const float* gradient, size_t tokens, size_t stride, size_t count) {
  Sums sums;
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t c = 0; c < count; ++c) {
      const double a = static_cast<double>(activation[t * stride + c]);
      const double g = static_cast<double>(gradient[t * stride + c]);
      sums.activation[c] += a;
      sums.gradient[c] += g;
      sums.product[c] += g * a;
    }
  }
  return sums;
}

// One position's share of Grad-CAM++'s channel weight; `sum` is the channel's summed activation.
double plusplus(double g, double sum) {
  if (g <= 0) return 0;
  return g * (g * g / (2 * g * g + sum * g * g * g + 1e-6));
}

// Weight of each channel; a method that weighs each position by its own gradient has none.
void channel_weights(levit_cam_method method, const float* activation, const float* gradient, size_t tokens,
                     size_t stride, size_t count, double* weight) {
  const Sums sums = sum_tokens(activation, gradient, tokens, stride, count);
  for (size_t c = 0; c < count; ++c) {
    if (method == LEVIT_GRADCAM) weight[c] = sums.gradient[c] / static_cast<double>(tokens);
    if (method == LEVIT_XGRADCAM) weight[c] = sums.product[c] / (sums.activation[c] + 1e-7);
    if (method == LEVIT_GRADCAM_PLUSPLUS) {
      weight[c] = 0;
      for (size_t t = 0; t < tokens; ++t)
        weight[c] += plusplus(static_cast<double>(gradient[t * stride + c]), sums.activation[c]);
    }
  }
}

// Adds the share of `count` channels to the map.
void add_channels(levit_cam_method method, const float* activation, const float* gradient, size_t tokens,
                  size_t stride, size_t count, float* map) {
  double weight[kLine] = {};
  const bool by_position = method == LEVIT_HIRESCAM || method == LEVIT_LAYERCAM;
  if (!by_position) channel_weights(method, activation, gradient, tokens, stride, count, weight);
  for (size_t t = 0; t < tokens; ++t) {
    double sum = 0;
    for (size_t c = 0; c < count; ++c) {
      double w = by_position ? static_cast<double>(gradient[t * stride + c]) : weight[c];
      if (method == LEVIT_LAYERCAM && w < 0) w = 0;
      sum += w * static_cast<double>(activation[t * stride + c]);
    }
    map[t] += static_cast<float>(sum);
  }
}

// Subtracts the least of the values and divides by 1e-7 plus the largest that is left.
struct Scale {
  float least, divisor;
  float operator()(float x) const { return (x - least) / divisor; }
};

Scale scale_of(float least, float most) {
  return {least, 1e-7f + (most - least)};
}

float rectified(float x) {
  return x > 0 ? x : 0;
}

Scale rectified_scale(const float* map, size_t count) {
  float least = rectified(map[0]), most = least;
  for (size_t i = 1; i < count; ++i) {
    const float value = rectified(map[i]);
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return scale_of(least, most);
}

// Lower neighbour and weight of the upper one, along one axis.
struct Tap {
  size_t lower, upper;
  float weight;
};

Tap tap_at(size_t i, size_t in, size_t out) {
  const double at = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  if (at <= 0) return {0, 0, 0};
  const auto lower = static_cast<size_t>(at);
  if (lower + 1 >= in) return {in - 1, in - 1, 0};
  return {lower, lower + 1, static_cast<float>(at - static_cast<double>(lower))};
}

bool is_layer(levit_layer layer) {
  return layer >= LEVIT_STEM && layer <= LEVIT_STAGE2;
}
bool is_method(levit_cam_method method) {
  return method >= LEVIT_GRADCAM && method <= LEVIT_XGRADCAM;
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_cam_from(levit_cam_method method, const float* activation, const float* gradient,
                            size_t tokens, size_t channels, float* map) {
  using namespace levit::runtime;
  if (activation == nullptr || gradient == nullptr || map == nullptr || tokens == 0 || channels == 0)
    return LEVIT_ARGUMENT;
  if (!is_method(method)) return LEVIT_ARGUMENT;
  for (size_t t = 0; t < tokens; ++t) map[t] = 0;
  for (size_t c = 0; c < channels; c += kLine)
    add_channels(method, activation + c, gradient + c, tokens, channels,
                 channels - c < kLine ? channels - c : kLine, map);
  return LEVIT_OK;
}

levit_status levit_cam(levit_context* context, levit_input input, const float* direction,
                       levit_cam_method method, levit_layer layer, float* map, float* logits) {
  using namespace levit::runtime;
  if (context == nullptr || map == nullptr || !is_method(method)) return LEVIT_ARGUMENT;
  if (!context->plan.options.gradient) return LEVIT_FEATURE;
  if (!is_layer(layer)) return LEVIT_LAYER;
  levit_status status = check_scored_input(context, input, 1);
  if (status == LEVIT_OK) status = check_direction(*context, direction, 1);
  if (status != LEVIT_OK) return status;
  Pass pass{*context, input, 1};
  pass.layer = layer;
  pass.activation = context->at(context->plan.activation);
  status = run(pass, logits != nullptr ? logits : context->at(context->plan.logits), direction);
  if (status != LEVIT_OK) return status;
  const size_t stage = stage_of(layer), tokens = stage_tokens(config_of(*context), stage);
  status = levit_cam_from(method, pass.activation, context->at(context->plan.d_x[stage]), tokens,
                          config_of(*context).dims[stage], map);
  return status == LEVIT_OK && !all_finite(map, tokens) ? LEVIT_NUMBER : status;
}

levit_status levit_cam_finish(const float* map, size_t side, float* out, size_t out_side, int* flat) {
  using namespace levit::runtime;
  if (map == nullptr || out == nullptr || side == 0 || out_side == 0) return LEVIT_ARGUMENT;
  if (!all_finite(map, side * side)) return LEVIT_NUMBER;
  const Scale scale = rectified_scale(map, side * side);
  float least = 0, most = 0;
  for (size_t y = 0; y < out_side; ++y) {
    const Tap down = tap_at(y, side, out_side);
    for (size_t x = 0; x < out_side; ++x) {
      const Tap across = tap_at(x, side, out_side);
      const auto cell = [&](size_t row, size_t column) { return scale(rectified(map[row * side + column])); };
      const auto row_value = [&](size_t row) {
        return cell(row, across.lower) * (1 - across.weight) + cell(row, across.upper) * across.weight;
      };
      const float value = row_value(down.lower) * (1 - down.weight) + row_value(down.upper) * down.weight;
      out[y * out_side + x] = value;
      if ((x == 0 && y == 0) || value < least) least = value;
      if ((x == 0 && y == 0) || value > most) most = value;
    }
  }
  if (flat != nullptr) *flat = most > least ? 0 : 1;
  const Scale finish = scale_of(least, most);
  for (size_t i = 0; i < out_side * out_side; ++i) out[i] = finish(out[i]);
  return LEVIT_OK;
}

}  // extern "C"
