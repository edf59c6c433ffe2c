// The trained default model on real pictures, from exact pixels: tests/data/ai_vs_real, computed in float64.
//
// Its goldens come in two kinds. `.raw` and `.every25` are those of the float32 checkpoint: what the fp16
// file is measured by. `.half` ones are those of the same weights after the file's rounding to fp16, still in
// float64: against them no rounding of weights is left, and our arithmetic shows. The float32 file of 28 MB
// is not in the repository; the kernels run the same float32 sums on both kinds of panels.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/goldens.h"
#include "tools/picture/picture.h"

namespace levit::tests {
namespace {

constexpr std::pair<levit_cam_method, const char*> kMethods[] = {{LEVIT_GRADCAM, "gradcam"},
                                                                 {LEVIT_GRADCAM_PLUSPLUS, "gradcampp"},
                                                                 {LEVIT_HIRESCAM, "hirescam"},
                                                                 {LEVIT_LAYERCAM, "layercam"},
                                                                 {LEVIT_XGRADCAM, "xgradcam"}};

const OpenModel& trained() {
  const std::string image = load_text("../../weights/ai_vs_real.levit");
  static const OpenModel model(std::vector<uint8_t>(image.begin(), image.end()));
  return model;
}

// Normalised pixels of a picture of the folder.
std::vector<float> tensor_of(const std::string& name) {
  const tools::Picture picture = tools::load_picture(data_path("ai_vs_real/" + name + ".png"));
  REQUIRE(picture.width == LEVIT_SIDE);
  REQUIRE(picture.height == LEVIT_SIDE);
  std::vector<float> tensor(kPixels);
  static const OpenContext context(trained(), options_with(0));
  REQUIRE(levit_normalise(context, picture.image().pixels, tensor.data()) == LEVIT_OK);
  return tensor;
}

std::vector<float> golden(const std::string& name) {
  return load_npy("ai_vs_real/" + name + ".npy").values;
}

// The fp16 file is as far from the checkpoint's golden as rounding its weights alone puts it, which float64
// says: 5 % more or less, and what float32 adds.
void check_rounding(const std::vector<float>& ours, const std::vector<float>& exact, double rounding,
                    double float32) {
  const double difference = relative_l2(ours, exact);
  CHECK(difference < 1.05 * rounding + float32);
  CHECK(difference > 0.95 * rounding - float32);
}

}  // namespace

TEST_CASE("trained model: probabilities and labels of the twelve pictures, and their logits but for fp16") {
  const OpenContext context(trained(), options_with(0));
  const nlohmann::json pictures = load_json("ai_vs_real/expected.json")["pictures"];
  REQUIRE(pictures.size() == 12);
  for (const auto& entry : pictures.items()) {  // clang captures no structured bindings
    const std::string& name = entry.key();
    const nlohmann::json& truth = entry.value();
    CAPTURE(name);
    const std::vector<float> tensor = tensor_of(name);
    std::vector<float> logits(2), probabilities(2);
    REQUIRE(levit_classify(context, {nullptr, tensor.data()}, 1, logits.data()) == LEVIT_OK);
    REQUIRE(levit_probabilities(context, logits.data(), 1, probabilities.data()) == LEVIT_OK);
    const double probability = truth["probability_ai"];
    CHECK(std::abs(static_cast<double>(probabilities[0]) - probability) < 0.01);
    CHECK((logits[0] > logits[1]) == (probability > 0.5));
    // Relative to numbers of size one: one picture's logits are 0.02 and 0.03, and float32 adds up terms of
    // size one.
    const auto half = truth["half"]["logits"].get<std::vector<double>>();
    for (size_t k = 0; k < 2; ++k) CHECK(std::abs(static_cast<double>(logits[k]) - half[k]) < 1e-5);
  }
}

// Each map within 1e-4, or within 5 times torch's own float32 error where that is more: Grad-CAM++ and
// XGrad-CAM divide by sums near zero, and torch is up to 1e-4 and 4.4e-4 off there. How much such a map
// magnifies is measured by rounding the weights to fp16: one XGrad-CAM moves by 78 %. A float32 step is 2^-13
// of an fp16 step, and forward and backward pass take a few.
TEST_CASE("trained model: class activation maps equal the goldens but for fp16") {
  const OpenContext context(trained(), options_with(LEVIT_GRADIENT));
  const nlohmann::json golden_of = load_json("ai_vs_real/expected.json");
  REQUIRE(golden_of["explained"].size() == 2);
  for (const auto& entry : golden_of["explained"].items()) {  // clang captures no structured bindings
    const std::string& name = entry.key();
    const nlohmann::json& explained = entry.value();
    const std::vector<float> tensor = tensor_of(name);
    for (const auto& [method, method_name] : kMethods) {
      for (const Layer& layer : kLayers) {
        for (size_t k = 0; k < 2; ++k) {
          const std::string map_name = std::string(layer.name) + "_" + kScores[k].name;
          const std::string file = name + "_" + method_name + "_" + map_name;
          CAPTURE(file);
          std::vector<float> map(layer.side * layer.side);
          REQUIRE(levit_cam(context, {nullptr, tensor.data()}, kScores[k].direction, method, layer.layer,
                            map.data(), nullptr) == LEVIT_OK);
          const double rounding = explained["rounding"][method_name][map_name];
          const double torch = explained["float32"][method_name][map_name];
          const double float32 = std::max({1e-4, 5 * torch, 4 * 0x1p-13 * rounding});
          CHECK(relative_l2(map, golden(file + ".half")) < float32);
          check_rounding(map, golden(file + ".raw"), rounding, float32);
        }
      }
    }
  }
}

TEST_CASE("trained model: expected and integrated gradients equal the goldens but for fp16") {
  const OpenContext context(trained(), options_with(LEVIT_ATTRIBUTION, 8));
  const nlohmann::json golden_of = load_json("ai_vs_real/expected.json");
  for (const auto& entry : golden_of["explained"].items()) {  // clang captures no structured bindings
    const std::string& name = entry.key();
    const nlohmann::json& explained = entry.value();
    CAPTURE(name);
    const std::vector<float> tensor = tensor_of(name);
    std::vector<float> backgrounds;
    for (const std::string background : explained["background"]) {
      const std::vector<float> one = tensor_of(background);
      backgrounds.insert(backgrounds.end(), one.begin(), one.end());
    }
    levit_shap_options options{};
    options.size = sizeof options;
    options.background = background_at;
    options.background_context = backgrounds.data();
    options.backgrounds = explained["background"].size();
    options.samples = golden_of["nsamples"];
    options.seed = golden_of["rseed"];
    std::vector<float> shap(2 * kPixels), integrated(2 * kPixels);  // of both classes in a row
    for (size_t k = 0; k < 2; ++k) {
      options.direction = kScores[k].direction;
      REQUIRE(levit_shap(context, tensor.data(), &options, shap.data() + k * kPixels, nullptr, nullptr) ==
              LEVIT_OK);
      REQUIRE(levit_integrated_gradients(context, tensor.data(), nullptr, kScores[k].direction,
                                         golden_of["steps"], integrated.data() + k * kPixels,
                                         nullptr) == LEVIT_OK);
    }
    for (const bool sampled : {true, false}) {
      const std::string kind = sampled ? "shap" : "integrated";
      const std::vector<float>& values = sampled ? shap : integrated;
      CAPTURE(kind);
      const std::string file = name + "_" + kind;
      CHECK(relative_l2(every(25, values), golden(file + ".half.every25")) < 1e-4);
      check_rounding(every(25, values), golden(file + ".every25"), explained["rounding"][kind], 1e-4);
    }
  }
}

}  // namespace levit::tests
