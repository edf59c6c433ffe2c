#include "tools/levit/explain/explainer.h"

#include <algorithm>
#include <cmath>

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
    : context_(model, with_attribution(run)), options_(options), info_(info(model)) {}

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

void Explainer::explain_cam(const Sample& sample, const std::vector<float>& direction, Explanation& result) {
  result.layers = options_.layers;
  const bool several = result.layers.size() > 1;
  result.flat = true;
  for (const levit_layer layer : result.layers) {
    const size_t side = info_.grid[layer == LEVIT_STEM ? 0 : layer - LEVIT_STAGE0];
    Grid raw = {side, std::vector<float>(side * side)};
    check(levit_cam(context_.get(), sample.input(), direction.data(),
                    static_cast<levit_cam_method>(result.method), layer, raw.values.data(), nullptr));
    set_range(raw.values, result);
    // Maps of several layers meet at the picture's size, as pytorch-grad-cam averages them.
    const Finished finished = finish(raw, several ? LEVIT_SIDE : side);
    result.flat = result.flat && finished.flat;
    if (result.map.values.empty()) {
      result.map = finished.heat;
    } else {
      std::transform(finished.heat.values.begin(), finished.heat.values.end(), result.map.values.begin(),
                     result.map.values.begin(), [](float a, float b) { return a + b; });
    }
    result.raw.push_back(std::move(raw));
  }
  if (several) result.map = finish(result.map, LEVIT_SIDE).heat;
}

void Explainer::explain_shap(const Sample& sample, const std::vector<float>& direction, Explanation& result) {
  std::vector<std::vector<float>> own;
  if (options_.backgrounds.empty())
    own = {blurred_tensor(sample.tensor), std::vector<float>(3 * kPlane, 0.0F)};
  std::vector<const float*> backgrounds;
  for (const auto& background : own.empty() ? options_.backgrounds : own)
    backgrounds.push_back(background.data());
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
