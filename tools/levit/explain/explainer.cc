// Calls the library for every method and gathers what it returns into an Explanation.
#include "tools/levit/explain/explainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/levit/explain/smoothing.h"

namespace levit::tools {
namespace {

constexpr double kBlur = 16;

levit_options with_attribution(levit_options run) {
  run.features |= LEVIT_ATTRIBUTION;
  return run;
}

// Backgrounds by index, as levit_shap asks for them.
const float* background_at(void* context, size_t index) {
  return (*static_cast<std::vector<const float*>*>(context))[index];
}

void set_range(const std::vector<float>& values, Explanation& result) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  result.low = std::min(result.low, *low);
  result.high = std::max(result.high, *high);
}

void add(const std::vector<float>& from, std::vector<float>& to) {
  std::transform(from.begin(), from.end(), to.begin(), to.begin(), [](float a, float b) { return a + b; });
}

struct Finished {
  Grid heat;
  bool flat;
};
Finished finish(const Grid& raw, size_t side) {
  Finished result = {{side, std::vector<float>(side * side)}, false};
  int flat = 0;
  check(levit_cam_finish(raw.values.data(), raw.side, result.heat.values.data(), side, &flat));
  result.flat = flat != 0;
  return result;
}

}  // namespace

Explanation of_layer(const Explanation& explanation, size_t layer) {
  Explanation result;
  result.method = explanation.method;
  result.layers = {explanation.layers[layer]};
  result.raw = {explanation.raw[layer]};
  const Finished finished = finish(result.raw[0], result.raw[0].side);
  result.map = finished.heat;
  result.flat = finished.flat;
  set_range(result.raw[0].values, result);
  return result;
}

std::vector<float> blurred_tensor(const std::vector<float>& tensor) {
  std::vector<float> result;
  for (size_t c = 0; c < 3; ++c) {
    const auto begin = tensor.begin() + static_cast<long>(c * kPlane);
    const Grid plane = blurred({LEVIT_SIDE, {begin, begin + static_cast<long>(kPlane)}}, kBlur);
    result.insert(result.end(), plane.values.begin(), plane.values.end());
  }
  return result;
}

Grid channel_sums(const std::vector<float>& values) {
  Grid sums = {LEVIT_SIDE, std::vector<float>(kPlane)};
  for (size_t i = 0; i < kPlane; ++i)
    sums.values[i] = values[i] + values[kPlane + i] + values[2 * kPlane + i];
  return sums;
}

Explainer::Explainer(const levit_model* model, levit_options run, const ExplainOptions& options)
    : run_(run), context_(model, with_attribution(run)), options_(options), info_(info(model)) {}

Explanation Explainer::explain(const Sample& sample, Method method, size_t class_index) {
  const std::vector<float> direction = context_.direction(class_index);
  Explanation result;
  result.method = method;
  result.attribution.size = sizeof result.attribution;
  if (is_cam(method)) {
    explain_cam(sample, direction, result);
    return result;
  }
  result.values.resize(3 * kPlane);
  if (method == Method::kShap) {
    explain_shap(sample, direction, result);
  } else if (method == Method::kIntegratedGradients) {
    check(levit_integrated_gradients(context_.get(), sample.tensor.data(), nullptr, direction.data(),
                                     options_.steps, result.values.data(), &result.attribution));
  } else {
    result.values = context_.gradient(sample.input(), direction, LEVIT_INPUT);
  }
  result.map = channel_sums(result.values);
  set_range(result.map.values, result);
  result.flat = result.low == 0 && result.high == 0;
  return result;
}

Grid Explainer::class_map(levit_input input, const std::vector<float>& direction) {
  const size_t side = info_.grid[2];
  Grid sum = {side, std::vector<float>(side * side)};
  std::vector<float> map(side * side), logits(context_.classes());
  for (size_t k = 0; k < direction.size(); ++k) {
    if (direction[k] == 0) continue;
    check(levit_class_map(context_.get(), input, k, map.data(), logits.data()));
    for (size_t i = 0; i < map.size(); ++i) sum.values[i] += direction[k] * map[i];
  }
  return sum;
}

Grid Explainer::raw_map(levit_input input, const std::vector<float>& direction, Method which,
                        levit_layer layer) {
  if (which == Method::kClassMap) return class_map(input, direction);
  const auto method = static_cast<levit_cam_method>(which);
  const size_t side = info_.grid[layer == LEVIT_STEM ? 0 : layer - LEVIT_STAGE0];
  if (options_.eigen_smooth) {
    size_t floats = 0;
    check(levit_layer_floats(context_.model(), layer, &floats));
    std::vector<float> gradient(floats), activation(floats);
    check(levit_gradient(context_.get(), input, 1, direction.data(), layer, gradient.data(),
                         activation.data(), nullptr));
    return eigen_smoothed(method, activation, gradient, side);
  }
  Grid raw = {side, std::vector<float>(side * side)};
  check(levit_cam(context_.get(), input, direction.data(), method, layer, raw.values.data(), nullptr));
  return raw;
}

Explainer::Cam Explainer::cam(levit_input input, const std::vector<float>& direction, Method method) {
  const std::vector<levit_layer> layers = layers_of(method, options_.layers);
  const bool several = layers.size() > 1;
  Cam result = {{}, {}, true};
  for (const levit_layer layer : layers) {
    Grid raw = raw_map(input, direction, method, layer);
    // Maps of several layers meet at the picture's size, as pytorch-grad-cam averages them.
    const Finished finished = finish(raw, several || options_.aug_smooth ? LEVIT_SIDE : raw.side);
    result.flat = result.flat && finished.flat;
    if (result.map.values.empty()) {
      result.map = finished.heat;
    } else {
      add(finished.heat.values, result.map.values);
    }
    result.raw.push_back(std::move(raw));
  }
  if (several) result.map = finish(result.map, LEVIT_SIDE).heat;
  return result;
}

// Means over the augmentations, mirrored back.
Explainer::Cam Explainer::smoothed_cam(const std::vector<float>& tensor, const std::vector<float>& direction,
                                       Method method) {
  Cam mean = {{}, {}, true};
  size_t views = 0;
  for_each_augmentation(tensor, [&](const std::vector<float>& view, bool flipped) {
    Cam one = cam({nullptr, view.data()}, direction, method);
    const auto back = [flipped](Grid& grid) {
      if (flipped) grid.values = mirrored(grid.values, grid.side);
    };
    back(one.map);
    for (Grid& raw : one.raw) back(raw);
    mean.flat = mean.flat && one.flat;
    if (views++ == 0) {
      mean.map = std::move(one.map);
      mean.raw = std::move(one.raw);
      return;
    }
    add(one.map.values, mean.map.values);
    for (size_t i = 0; i < mean.raw.size(); ++i) add(one.raw[i].values, mean.raw[i].values);
  });
  const auto divide = [views](Grid& grid) {
    for (float& value : grid.values) value /= static_cast<float>(views);
  };
  divide(mean.map);
  for (Grid& raw : mean.raw) divide(raw);
  return mean;
}

void Explainer::explain_cam(const Sample& sample, const std::vector<float>& direction, Explanation& result) {
  Cam found = options_.aug_smooth ? smoothed_cam(sample.tensor, direction, result.method)
                                  : cam(sample.input(), direction, result.method);
  result.layers = layers_of(result.method, options_.layers);
  result.raw = std::move(found.raw);
  result.map = std::move(found.map);
  result.flat = found.flat;
  for (const Grid& raw : result.raw) set_range(raw.values, result);
}

void Explainer::explain_shap(const Sample& sample, const std::vector<float>& direction, Explanation& result) {
  std::vector<std::vector<float>> own;
  if (options_.backgrounds.empty())
    own = {blurred_tensor(sample.tensor), std::vector<float>(3 * kPlane, 0.0F)};
  std::vector<const float*> backgrounds;
  for (const auto& background : own.empty() ? options_.backgrounds : own)
    backgrounds.push_back(background.data());
  if (options_.local_smoothing > 0) {
    const auto progress = [this](size_t done) {
      return run_.progress != nullptr && run_.progress(run_.progress_context, done, options_.samples) != 0;
    };
    result.attribution = noisy_shap(
        context_, sample.tensor, direction,
        {backgrounds, options_.samples, run_.batch, options_.seed, options_.local_smoothing, progress},
        result.values);
    return;
  }
  levit_shap_options shap{};
  shap.size = sizeof shap;
  shap.direction = direction.data();
  shap.background = background_at;
  shap.background_context = &backgrounds;
  shap.backgrounds = backgrounds.size();
  shap.samples = options_.samples;
  shap.seed = options_.seed;
  check(levit_shap(context_.get(), sample.tensor.data(), &shap, result.values.data(), nullptr,
                   &result.attribution));
}

}  // namespace levit::tools
