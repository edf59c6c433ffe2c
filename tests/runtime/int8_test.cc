// A model in int8 means certain numbers: it computes what the fp32 model of these numbers does, forward and
// back.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/runtime/goldens.h"
#include "tools/checkpoint/writer.h"
#include "weights/reader.h"

namespace levit::tests {
namespace {

const Seed kSeed = {"tiny", 2, 2, false, weights::Type::kInt8};

// Both models and a picture.
struct Pair {
  OpenModel int8 = OpenModel(kSeed),
            full = OpenModel(tools::write_levit(folded_of(int8), weights::Type::kFloat));
  std::vector<float> picture = seeded_input();
  levit_input input = {nullptr, picture.data()};
};

// Float32 sums in another order: as far apart as the goldens of float64 are from either.
constexpr double kForward = 1e-5, kBackward = 1e-4;

}  // namespace

TEST_CASE("int8: the layers that are said to be fp16 are, and the last convolution has scales") {
  const OpenModel model(kSeed);
  CHECK(model.info().dtype == LEVIT_Q8);
  const weights::View view = weights::view(model.get());
  const uint32_t layers = weights::layer_count(view.config);
  for (uint32_t i = 0; i < layers; ++i) {
    CAPTURE(i);
    const weights::LayerWeights from = weights::layer_weights(view, i);
    const bool fine = i < 3 || i + 1 == layers;
    CHECK(from.type == (fine ? weights::Type::kHalf : weights::Type::kInt8));
    CHECK((from.scale == nullptr) == fine);
  }
}

TEST_CASE("int8: values and gradients at every layer are those of the fp32 model, on every target") {
  const Pair models;
  const float direction[] = {-1, 1};
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    for (const Layer& layer : kLayers) {
      CAPTURE(layer.name);
      std::vector<float> logits[2];
      const std::vector<float> values =
          activation_of(models.int8, models.input, 1, layer.layer, target.c_str(), &logits[0]);
      CHECK(relative_l2(values, activation_of(models.full, models.input, 1, layer.layer, target.c_str(),
                                              &logits[1])) < kForward);
      CHECK(relative_l2(logits[0], logits[1]) < kForward);
      CHECK(relative_l2(gradient_of(models.int8, models.input, direction, layer.layer, target.c_str()),
                        gradient_of(models.full, models.input, direction, layer.layer, target.c_str())) <
            kBackward);
    }
    CHECK(relative_l2(gradient_of(models.int8, models.input, direction, LEVIT_INPUT, target.c_str()),
                      gradient_of(models.full, models.input, direction, LEVIT_INPUT, target.c_str())) <
          kBackward);
  }
}

TEST_CASE("int8: maps and attributions are those of the fp32 model") {
  const Pair models;
  const float direction[] = {-1, 1};
  std::vector<float> background = seeded_input(1, "background0");
  levit_shap_options options{};
  options.size = sizeof options;
  options.direction = direction;
  options.background = background_at;
  options.background_context = background.data();
  options.backgrounds = 1;
  options.samples = 4;
  options.seed = 7;
  const OpenModel* const both[] = {&models.int8, &models.full};
  std::vector<float> map[2], shap[2];
  for (size_t i = 0; i < 2; ++i) {
    const OpenContext context(*both[i], options_with(LEVIT_ATTRIBUTION));
    map[i].resize(14 * 14);
    shap[i].resize(kPixels);
    REQUIRE(levit_cam(context, models.input, direction, LEVIT_GRADCAM, LEVIT_STAGE0, map[i].data(),
                      nullptr) == LEVIT_OK);
    REQUIRE(levit_shap(context, models.picture.data(), &options, shap[i].data(), nullptr, nullptr) ==
            LEVIT_OK);
  }
  CHECK(relative_l2(map[0], map[1]) < kBackward);
  CHECK(relative_l2(shap[0], shap[1]) < kBackward);
}

// A step is 1/127 of a row's largest weight, uniform rounding to it 0.29 steps: about 0.7 % of the weights of
// seeded rows, whose roundings are independent over some tens of layers.
TEST_CASE("an int8 file gives the float32 file's features but for the rounding of the weights") {
  const std::vector<float> picture = seeded_input();
  const OpenModel int8(Seed{"128s", 2, 2, true, weights::Type::kInt8}), full(Seed{"128s", 2, 2, true});
  const levit_input input = {nullptr, picture.data()};
  const double error =
      relative_l2(activation_of(int8, input, 1, LEVIT_STAGE2), activation_of(full, input, 1, LEVIT_STAGE2));
  CHECK(error > 1e-4);
  CHECK(error < 0.05);
}

}  // namespace levit::tests
