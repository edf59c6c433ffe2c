#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/runtime/goldens.h"

namespace levit::tests {
namespace {

struct Method {
  levit_cam_method method;
  const char* name;
};
constexpr Method kMethods[] = {{LEVIT_GRADCAM, "gradcam"},
                               {LEVIT_GRADCAM_PLUSPLUS, "gradcampp"},
                               {LEVIT_HIRESCAM, "hirescam"},
                               {LEVIT_LAYERCAM, "layercam"},
                               {LEVIT_XGRADCAM, "xgradcam"}};

std::vector<float> raw_map(levit_context* context, const std::vector<float>& picture, const Score& score,
                           levit_cam_method method, const Layer& layer) {
  std::vector<float> map(layer.side * layer.side);
  REQUIRE(levit_cam(context, {nullptr, picture.data()}, score.direction, method, layer.layer, map.data(),
                    nullptr) == LEVIT_OK);
  return map;
}

std::vector<float> finished(const std::vector<float>& map, size_t side, int* flat = nullptr) {
  std::vector<float> out(224 * 224);
  REQUIRE(levit_cam_finish(map.data(), side, out.data(), 224, flat) == LEVIT_OK);
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

std::string golden(const std::string& folder, const Method& method, const Layer& layer, const Score& score,
                   const char* end) {
  return "cam/" + folder + "/" + method.name + "_" + layer.name + "_" + score.name + end;
}

}  // namespace

TEST_CASE("raw maps of the calm 128s equal the goldens, and so do the finished ones") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const OpenContext context(model, options_with(LEVIT_GRADIENT));
  const std::vector<float> picture = seeded_input();
  for (const Method& method : kMethods) {
    for (const Layer& layer : kLayers) {
      for (const Score& score : kScores) {
        const std::vector<float> map = raw_map(context, picture, score, method.method, layer);
        CAPTURE(golden("", method, layer, score, ""));
        CHECK(
            relative_l2(map, load_npy(golden("levit_128s_2_calm", method, layer, score, ".raw.npy")).values) <
            1e-4);
        if (score.direction[0] < 0) continue;  // no finished golden of the difference
        const std::vector<float> expected =
            load_npy(golden("levit_128s_2_calm", method, layer, score, ".every25.npy")).values;
        CHECK(largest_difference(every(25, finished(map, layer.side)), expected) <= 2.0 / 255);
      }
    }
  }
}

// float32 reaches 4e-3 there; Grad-CAM++ divides by numbers near zero but at stage 2
// (tests/data/cam/README.md). XGrad-CAM has a test of its own.
TEST_CASE("raw maps of the ill-conditioned 128s are as good as float32 can be") {
  const OpenModel model(Seed{"128s"});
  const OpenContext context(model, options_with(LEVIT_GRADIENT));
  const std::vector<float> picture = seeded_input();
  for (const Method& method : kMethods) {
    for (const Layer& layer : kLayers) {
      if (method.method == LEVIT_GRADCAM_PLUSPLUS && layer.layer != LEVIT_STAGE2) continue;
      if (method.method == LEVIT_XGRADCAM) continue;
      for (const Score& score : kScores) {
        CAPTURE(golden("", method, layer, score, ""));
        CHECK(relative_l2(raw_map(context, picture, score, method.method, layer),
                          load_npy(golden("levit_128s_2", method, layer, score, ".raw.npy")).values) < 2e-2);
      }
    }
  }
}

// Its weight of a channel is a sum of products over a sum of values, and both cancel: in the stem one channel
// of 128, whose values add up to a six-hundredth of their size, makes nine tenths of the map. So float32's
// errors in gradient and values (2e-3, and forward_test's bars by layer) come out larger by what the sums
// lose.
TEST_CASE(
    "XGrad-CAM of the ill-conditioned 128s errs by what its sums make of float32's errors, on every target") {
  const OpenModel model(Seed{"128s"});
  const std::vector<float> picture = seeded_input();
  const levit_input input = {nullptr, picture.data()};
  constexpr double kGradientError = 2e-3, kValueErrors[] = {2.5e-6, 4e-6, 3e-5, 1.5e-3};
  const Method& method = kMethods[4];
  for (const std::string& target : target_names()) {
    const OpenContext context(model, options_with(LEVIT_GRADIENT, 1, target.c_str()));
    for (size_t l = 0; l < 4; ++l) {
      const Layer& layer = kLayers[l];
      const std::vector<float> values = activation_of(model, input, 1, layer.layer, target.c_str());
      const size_t tokens = layer.side * layer.side, channels = values.size() / tokens;
      for (const Score& score : kScores) {
        const std::vector<float> gradient =
            gradient_of(model, input, score.direction, layer.layer, target.c_str());
        const std::vector<float> expected =
            load_npy(golden("levit_128s_2", method, layer, score, ".raw.npy")).values;
        double error = 0, size = 0;
        for (const float value : expected) size += static_cast<double>(value) * static_cast<double>(value);
        for (size_t c = 0; c < channels; ++c) {
          double sum = 0, all = 0, product = 0, products = 0, squares = 0;
          for (size_t t = 0; t < tokens; ++t) {
            const auto a = static_cast<double>(values[t * channels + c]);
            const double ga = a * static_cast<double>(gradient[t * channels + c]);
            sum += a;
            all += std::abs(a);
            product += ga;
            products += std::abs(ga);
            squares += a * a;
          }
          const double weight_error = (products * (kValueErrors[l] + kGradientError) +
                                       std::abs(product / sum) * all * kValueErrors[l]) /
                                      sum;
          error += weight_error * weight_error * squares;
        }
        const bool cancels = layer.layer == LEVIT_STEM && score.direction[0] < 0;  // 0.036 on AVX2
        const double bar = std::min(std::sqrt(error / size), cancels ? 1 : 2e-2);
        CAPTURE(target);
        CAPTURE(golden("", method, layer, score, ""));
        CHECK(relative_l2(raw_map(context, picture, score, method.method, layer), expected) < bar);
      }
    }
  }
}

TEST_CASE("Grad-CAM is finished as pytorch-grad-cam does it") {
  for (const Layer& layer : kLayers) {
    CAPTURE(layer.name);
    const Method& method = kMethods[0];
    const std::vector<float> raw =
        load_npy(golden("levit_128s_2", method, layer, kScores[0], ".raw.npy")).values;
    const std::vector<float> map = load_npy(golden("levit_128s_2", method, layer, kScores[0], ".npy")).values;
    // Both scale to [0, 1] with a few roundings per value.
    CHECK(largest_difference(finished(raw, layer.side), map) < 1e-5);
  }
}

TEST_CASE("each method weighs given values by its formula") {
  // Two channels of constant gradient, so that HiResCAM equals Grad-CAM.
  const std::vector<float> activation = {1, 2, 3, 4, -1, 5}, gradient = {0.5f, -1, 0.5f, -1, 0.5f, -1};
  std::vector<float> cam(3), hires(3), layer(3), plusplus(3), xgrad(3);
  REQUIRE(levit_cam_from(LEVIT_GRADCAM, activation.data(), gradient.data(), 3, 2, cam.data()) == LEVIT_OK);
  REQUIRE(levit_cam_from(LEVIT_HIRESCAM, activation.data(), gradient.data(), 3, 2, hires.data()) == LEVIT_OK);
  REQUIRE(levit_cam_from(LEVIT_LAYERCAM, activation.data(), gradient.data(), 3, 2, layer.data()) == LEVIT_OK);
  REQUIRE(levit_cam_from(LEVIT_GRADCAM_PLUSPLUS, activation.data(), gradient.data(), 3, 2, plusplus.data()) ==
          LEVIT_OK);
  REQUIRE(levit_cam_from(LEVIT_XGRADCAM, activation.data(), gradient.data(), 3, 2, xgrad.data()) == LEVIT_OK);
  CHECK(cam == hires);
  CHECK(cam == std::vector<float>{-1.5f, -2.5f, -5.5f});
  CHECK(layer == std::vector<float>{0.5f, 1.5f, -0.5f});
  // Channel 0: sum 3, alpha = 1/4 / (1/2 + 3/8 + 1e-6), weight 3 * 1/2 * alpha; channel 1 is negative.
  const double weight = 1.5 * 0.25 / (0.875 + 1e-6);
  for (size_t t = 0; t < 3; ++t)
    CHECK(static_cast<double>(plusplus[t]) ==
          doctest::Approx(weight * static_cast<double>(activation[2 * t])).epsilon(1e-6));
  // Constant gradients: weight g S / (S + 1e-7), Grad-CAM's but for the 1e-7.
  CHECK(relative_l2(xgrad, cam) < 1e-6);
}

TEST_CASE("at the last block the maps are those of the weights, and complete") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const tools::FoldedLayer head = seeded_fold(Seed{"128s", 2, 2, true}).layers.back();
  const OpenContext context(model, options_with(LEVIT_GRADIENT));
  const std::vector<float> picture = seeded_input();
  std::vector<float> cam(16), hires(16), logits(2);
  const levit_input input = {nullptr, picture.data()};
  for (size_t k = 0; k < 2; ++k) {
    const float* direction = kScores[k].direction;
    REQUIRE(levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_STAGE2, cam.data(), logits.data()) ==
            LEVIT_OK);
    REQUIRE(levit_cam(context, input, direction, LEVIT_HIRESCAM, LEVIT_STAGE2, hires.data(), nullptr) ==
            LEVIT_OK);
    CHECK(relative_l2(cam, hires) < 1e-6);
    double sum = head.bias[k], scale = std::abs(head.bias[k]);
    for (const float m : hires) {
      sum += static_cast<double>(m);
      scale += std::abs(static_cast<double>(m));
    }
    // float32 sums of 384 and 16 terms of that scale.
    CHECK(std::abs(sum - static_cast<double>(logits[k])) < 1e-5 * scale);
  }
}

TEST_CASE("a map without a positive cell, or without contrast, stays flat and says so") {
  int flat = 0;
  for (const float value : {-1.0f, 0.0f, 2.0f}) {
    const std::vector<float> out = finished(std::vector<float>(16, value), 4, &flat);
    CHECK(flat == 1);
    CHECK(*std::max_element(out.begin(), out.end()) == 0);
  }
  std::vector<float> map(16, -1.0f);
  map[5] = 1e-3f;
  finished(map, 4, &flat);
  CHECK(flat == 0);
  map[3] = std::nanf("");
  std::vector<float> out(64);
  CHECK(levit_cam_finish(map.data(), 4, out.data(), 8, &flat) == LEVIT_NUMBER);
}

}  // namespace levit::tests
