// Explanations of a seeded network: the same numbers as the library gives, and what is made of them.
#include "tools/levit/explain/explainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "tools/levit/explain/sheet.h"

namespace levit::tools {
namespace {

using tests::OpenModel;

const OpenModel& tiny() {
  static const OpenModel model({"tiny"});
  return model;
}

Sample tensor_sample(const std::vector<float>& tensor) {
  Sample sample;
  sample.path = "seeded";
  sample.tensor = tensor;
  sample.width = 300;
  sample.height = 200;
  sample.window = {0, 0, 300, 200};
  return sample;
}

Sample seeded_sample() {
  return tensor_sample(tests::seeded_input());
}

ExplainOptions fast_options() {
  ExplainOptions options;
  options.samples = 6;
  options.steps = 6;
  return options;
}

Explanation explained(Method method, const ExplainOptions& options, size_t class_index = 1) {
  Explainer explainer(tiny(), levit_default_options(), options);
  return explainer.explain(seeded_sample(), method, class_index);
}

const Canvas kPicture(300, 200, {90, 120, 150});

TEST_CASE("a raw map is the library's, in every bit, for every method and layer") {
  const tests::OpenContext context(tiny(), tests::options_with(LEVIT_GRADIENT));
  const Sample sample = seeded_sample();
  const float direction[2] = {0, 1};
  for (const Method method : parse_methods("gradcam,gradcam++,hirescam,layercam,xgradcam")) {
    for (const levit_layer layer : parse_layers("mean")) {
      CAPTURE(method_flag(method));
      CAPTURE(layer_flag(layer));
      ExplainOptions options = fast_options();
      options.layers = {layer};
      const Explanation explanation = explained(method, options);
      REQUIRE(explanation.raw.size() == 1);
      std::vector<float> map(explanation.raw[0].values.size());
      REQUIRE(levit_cam(context, sample.input(), direction, static_cast<levit_cam_method>(method), layer,
                        map.data(), nullptr) == LEVIT_OK);
      CHECK(explanation.raw[0].values == map);
      CHECK(explanation.low == *std::min_element(map.begin(), map.end()));
      CHECK(explanation.high == *std::max_element(map.begin(), map.end()));
      CHECK(explanation.flat == (explanation.high <= 0));
    }
  }
}

TEST_CASE("the mean over layers is the rescaled mean of the finished maps") {
  ExplainOptions options = fast_options();
  options.layers = parse_layers("stage0,stage2");
  const Explanation both = explained(Method::kGradCam, options);
  REQUIRE(both.raw.size() == 2);
  CHECK(both.map.side == LEVIT_SIDE);
  std::vector<float> sum(kPlane, 0.0F), finished(kPlane);
  for (const Grid& raw : both.raw) {
    REQUIRE(levit_cam_finish(raw.values.data(), raw.side, finished.data(), LEVIT_SIDE, nullptr) == LEVIT_OK);
    for (size_t i = 0; i < kPlane; ++i) sum[i] += finished[i] / 2;
  }
  const auto [low, high] = std::minmax_element(sum.begin(), sum.end());
  for (size_t i = 0; i < kPlane; i += 97) {
    CHECK(both.map.values[i] == doctest::Approx((sum[i] - *low) / (*high - *low)).epsilon(1e-5));
  }
}

TEST_CASE("attributions: channel sums are drawn, numbers come along, values add up") {
  for (const Method method : {Method::kShap, Method::kIntegratedGradients}) {
    CAPTURE(method_flag(method));
    const Explanation explanation = explained(method, fast_options());
    REQUIRE(explanation.values.size() == 3 * kPlane);
    CHECK(explanation.raw.empty());
    CHECK(explanation.map.values == channel_sums(explanation.values).values);
    CHECK_FALSE(explanation.flat);
    double sum = 0, magnitude = 0;
    for (const float value : explanation.values) {
      sum += static_cast<double>(value);
      magnitude += std::abs(static_cast<double>(value));
    }
    // Each value is rounded to float32 once.
    CHECK(std::abs(sum - explanation.attribution.sum) <= magnitude * 0x1p-24);
    const levit_attribution& numbers = explanation.attribution;
    CHECK(numbers.gap == doctest::Approx(numbers.score - numbers.base_value - numbers.sum));
    CHECK((numbers.standard_error > 0) == (method == Method::kShap));
  }
}

TEST_CASE("SHAP against the picture itself is exactly nothing, and the sheet says so") {
  ExplainOptions options = fast_options();
  options.backgrounds = {seeded_sample().tensor};
  const Explanation explanation = explained(Method::kShap, options);
  CHECK(explanation.flat);
  for (const float value : explanation.values) REQUIRE(value == 0);
  CHECK(explanation.attribution.sum == 0);
  CHECK(explanation.attribution.gap == doctest::Approx(0));
}

TEST_CASE("SHAP repeats itself with its seed and changes with another") {
  ExplainOptions options = fast_options();
  const std::vector<float> first = explained(Method::kShap, options).values;
  CHECK(explained(Method::kShap, options).values == first);
  options.seed = 1;
  CHECK(explained(Method::kShap, options).values != first);
}

TEST_CASE("default backgrounds: the base value is the mean logit of a blurred copy and of mean grey") {
  Explainer explainer(tiny(), levit_default_options(), fast_options());
  const Sample sample = seeded_sample();
  const Sample blurred = tensor_sample(blurred_tensor(sample.tensor)),
               grey = tensor_sample(std::vector<float>(3 * kPlane, 0.0F));
  const double expected =
      (static_cast<double>(explainer.logits(blurred)[1]) + static_cast<double>(explainer.logits(grey)[1])) /
      2;
  CHECK(explainer.explain(sample, Method::kShap, 1).attribution.base_value == doctest::Approx(expected));
}

TEST_CASE("--aug-smooth is the mean of six maps at the picture's size, mirrored back") {
  ExplainOptions options = fast_options();
  options.layers = {LEVIT_STAGE1};
  const Sample sample = seeded_sample();
  std::vector<double> expected(kPlane, 0.0);
  Explainer plain(tiny(), levit_default_options(), options);
  for (const float factor : {0.9F, 1.0F, 1.1F}) {
    for (const bool flip : {false, true}) {
      Sample view = tensor_sample(sample.tensor);
      for (size_t i = 0; i < view.tensor.size(); ++i) {
        const size_t row = i / LEVIT_SIDE * LEVIT_SIDE, column = i % LEVIT_SIDE;
        view.tensor[i] = factor * sample.tensor[flip ? row + LEVIT_SIDE - 1 - column : i];
      }
      const Explanation one = plain.explain(view, Method::kLayerCam, 1);
      Grid large = {LEVIT_SIDE, std::vector<float>(kPlane)};
      int flat = 0;
      check(levit_cam_finish(one.raw[0].values.data(), one.raw[0].side, large.values.data(), LEVIT_SIDE,
                             &flat));
      for (size_t i = 0; i < kPlane; ++i) {
        const size_t row = i / LEVIT_SIDE * LEVIT_SIDE, column = i % LEVIT_SIDE;
        expected[i] += static_cast<double>(large.values[flip ? row + LEVIT_SIDE - 1 - column : i]) / 6;
      }
    }
  }
  options.aug_smooth = true;
  const Explanation smooth = explained(Method::kLayerCam, options);
  REQUIRE(smooth.map.side == LEVIT_SIDE);
  for (size_t i = 0; i < kPlane; i += 31)
    CHECK(static_cast<double>(smooth.map.values[i]) == doctest::Approx(expected[i]).epsilon(1e-5));
}

TEST_CASE("--eigen-smooth: the projection on the first principal component of the weighted activations") {
  ExplainOptions options = fast_options();
  options.eigen_smooth = true;
  tests::OpenContext context(tiny(), tests::options_with(LEVIT_GRADIENT));
  const Sample sample = seeded_sample();
  const float direction[2] = {0, 1};
  size_t floats = 0;
  check(levit_layer_floats(tiny(), LEVIT_STAGE1, &floats));
  std::vector<float> gradient(floats), activation(floats);
  check(levit_gradient(context, {nullptr, sample.tensor.data()}, 1, direction, LEVIT_STAGE1, gradient.data(),
                       activation.data(), nullptr));
  const Explanation explanation = explained(Method::kHiResCam, options);
  const std::vector<float>& projection = explanation.raw[0].values;
  const size_t tokens = projection.size(), channels = floats / tokens;
  // Centred products, channel by channel.
  std::vector<double> products(floats);
  double sum_along = 0;
  for (size_t c = 0; c < channels; ++c) {
    double mean = 0;
    for (size_t t = 0; t < tokens; ++t) {
      const size_t at = t * channels + c;
      products[at] = static_cast<double>(activation[at]) * static_cast<double>(gradient[at]);
      mean += products[at] / static_cast<double>(tokens);
      sum_along += products[at] * static_cast<double>(projection[t]);
    }
    for (size_t t = 0; t < tokens; ++t) products[t * channels + c] -= mean;
  }
  CHECK(sum_along > 0);
  // X X^T p = |p|^2 p, and no power iteration from elsewhere finds a larger eigenvalue.
  const auto applied = [&](const std::vector<double>& vector) {
    std::vector<double> seen(channels, 0.0), back(tokens, 0.0);
    for (size_t t = 0; t < tokens; ++t)
      for (size_t c = 0; c < channels; ++c) seen[c] += products[t * channels + c] * vector[t];
    for (size_t t = 0; t < tokens; ++t)
      for (size_t c = 0; c < channels; ++c) back[t] += products[t * channels + c] * seen[c];
    return back;
  };
  const auto norm = [](const std::vector<double>& v) {
    return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
  };
  const std::vector<double> p(projection.begin(), projection.end());
  const std::vector<double> image = applied(p);
  const double eigenvalue = norm(p) * norm(p);
  for (size_t t = 0; t < tokens; ++t)
    CHECK(image[t] / eigenvalue == doctest::Approx(p[t]).epsilon(1e-3).scale(norm(p)));
  std::vector<double> other(tokens);
  for (size_t t = 0; t < tokens; ++t) other[t] = std::cos(static_cast<double>(3 * t));
  for (int step = 0; step < 50; ++step) {
    const double length = norm(other);
    for (double& value : other) value /= length;
    other = applied(other);
  }
  CHECK(norm(other) <= eigenvalue * (1 + 1e-4));
}

TEST_CASE("--local-smoothing: without noise it is levit_shap, with noise its mean stays near") {
  ExplainOptions options = fast_options();
  options.samples = 40;
  const Explanation plain = explained(Method::kShap, options);
  options.local_smoothing = 1e-20;
  const Explanation same = explained(Method::kShap, options);
  CHECK(same.attribution.score == doctest::Approx(plain.attribution.score));
  CHECK(same.attribution.base_value == doctest::Approx(plain.attribution.base_value));
  CHECK(same.attribution.sum == doctest::Approx(plain.attribution.sum).epsilon(1e-6));
  CHECK(same.attribution.standard_error == doctest::Approx(plain.attribution.standard_error).epsilon(1e-6));
  for (size_t i = 0; i < plain.values.size(); i += 997)
    CHECK(same.values[i] == doctest::Approx(plain.values[i]).epsilon(1e-5));
  options.local_smoothing = 0.05;
  const Explanation noisy = explained(Method::kShap, options);
  CHECK(noisy.values != same.values);
  CHECK(std::abs(noisy.attribution.sum - plain.attribution.sum) < std::abs(plain.attribution.sum));
  CHECK(noisy.values == explained(Method::kShap, options).values);
}

TEST_CASE("a flat map is announced across its panel instead of being drawn as noise") {
  const Sample sample = seeded_sample();
  SheetContext context;
  context.labels = {"ai", "real"};
  Verdict verdict;
  verdict.width = 300;
  verdict.height = 200;
  verdict.probabilities = {0.25F, 0.75F};
  verdict.label = 1;
  Explanation positive;
  positive.layers = {LEVIT_STAGE1};
  positive.map = {2, {0, 0, 0, 0}};
  Explanation flat = positive;
  flat.flat = true;
  const Canvas without = draw_explanation_sheet(context, kPicture, sample, verdict, 1, {positive});
  const Canvas with = draw_explanation_sheet(context, kPicture, sample, verdict, 1, {flat});
  CHECK(with.width == without.width);
  CHECK(with.rgb != without.rgb);
  // Nothing but the coldest colour lies over a flat map.
  const Canvas overlay = draw_overlay(kPicture, sample.window, flat);
  for (size_t i = 3; i < overlay.rgb.size(); ++i) REQUIRE(overlay.rgb[i] == overlay.rgb[i - 3]);
}

TEST_CASE("an overlay is as large as its picture") {
  const Sample sample = seeded_sample();
  for (const Method method : {Method::kGradCam, Method::kGradient}) {
    const Canvas overlay = draw_overlay(kPicture, sample.window, explained(method, fast_options()));
    CHECK(overlay.width == 300);
    CHECK(overlay.height == 200);
  }
}

TEST_CASE("names of methods, layers and classes: lists, repeats and what there is instead") {
  CHECK(parse_methods("shap,gradcam,shap") == std::vector<Method>{Method::kShap, Method::kGradCam});
  CHECK(parse_layers("stage2,stem") == std::vector<levit_layer>{LEVIT_STAGE2, LEVIT_STEM});
  CHECK(parse_layers("mean").size() == 4);
  CHECK_THROWS_WITH_AS(parse_methods("gradcam,guess"),
                       doctest::Contains("no method \"guess\"; there are gradcam,"), std::runtime_error);
  CHECK_THROWS_WITH_AS(parse_layers("stage3"), doctest::Contains("there are stem, stage0"),
                       std::runtime_error);
  CHECK_THROWS_AS(parse_layers(""), std::runtime_error);
  for (const char* name : {"gradcam++", "GradCAMPlusPlus", "grad_cam_plus_plus", "Grad-CAM++"})
    CHECK(parse_methods(name) == std::vector<Method>{Method::kGradCamPlusPlus});
  CHECK(parse_methods("GradCAM,XGradCAM,GradientExplainer,IntegratedGradients,Saliency").size() == 5);
}

TEST_CASE("a class is chosen by its label, commas and all, or by its number, equal labels by number alone") {
  const std::vector<std::string> labels = {"ai", "real, or nearly", "crane", "7", "crane (class 4)"};
  CHECK(chosen_class(labels, "real, or nearly", 0) == 1);
  CHECK(chosen_class(labels, "", 1) == 1);
  CHECK(chosen_class(labels, "0", 1) == 0);
  CHECK(chosen_class(labels, "7", 1) == 3);
  CHECK(chosen_class(labels, "4", 1) == 4);
  CHECK(chosen_class(labels, "crane (class 4)", 1) == 4);
  CHECK_THROWS_WITH_AS(chosen_class(labels, "cat", 0), doctest::Contains("there are ai, real"),
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(chosen_class(labels, "5", 0), doctest::Contains("no class \"5\""), std::runtime_error);
  CHECK_THROWS_WITH_AS(chosen_class(labels, "crane", 0), doctest::Contains("2 or 4"), std::runtime_error);
}

}  // namespace
}  // namespace levit::tools
