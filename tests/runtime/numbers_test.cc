// Numbers at the edge of what float32 holds: an answer is right or refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/runtime/goldens.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

// The micro model with another temperature.
OpenModel with_temperature(float temperature) {
  tools::FoldedModel folded = seeded_fold(Seed{"micro"});
  folded.temperature = temperature;
  return OpenModel(tools::write_levit(folded, weights::Type::kFloat));
}

}  // namespace

TEST_CASE("probabilities of the largest logits are numbers at any temperature") {
  for (const float temperature : {1e-3f, 0.5f, 1.0f, 1e3f}) {
    CAPTURE(temperature);
    const OpenModel model = with_temperature(temperature);
    for (const std::string& target : target_names()) {
      CAPTURE(target);
      const OpenContext context(model, options_with(0, 1, target.c_str()));
      for (const auto& logits : {std::vector<float>{3e38f, 0, kLargest, -kLargest, -kLargest, -kLargest}}) {
        std::vector<float> p(6);
        REQUIRE(levit_probabilities(context, logits.data(), 3, p.data()) == LEVIT_OK);
        CHECK(p[0] == 1);
        CHECK(p[1] < 1e-30f);
        CHECK(p[2] == 1);
        CHECK(p[3] < 1e-30f);
        CHECK(p[4] == 0.5f);
        CHECK(p[5] == 0.5f);
      }
    }
  }
}

TEST_CASE("pixels that no picture has are refused, finite or not") {
  const OpenModel model(Seed{"micro"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 2));
  const std::vector<float> sound = seeded_input(2);
  std::vector<float> values(2 * kPixels), logits(4);
  const float direction[] = {1, 0, 1, 0};
  for (const float pixel : {1.1e6f, -1e20f, kLargest, HUGE_VALF, -HUGE_VALF, std::nanf("")}) {
    CAPTURE(pixel);
    std::vector<float> picture = sound;
    picture[2 * kPixels - 1] = pixel;
    const levit_input input = {nullptr, picture.data()};
    CHECK(levit_classify(context, input, 2, logits.data()) == LEVIT_NUMBER);
    CHECK(levit_gradient(context, input, 2, direction, LEVIT_STAGE1, values.data(), nullptr, nullptr) ==
          LEVIT_NUMBER);
    CHECK(levit_integrated_gradients(context, sound.data(), picture.data() + kPixels, direction, 2,
                                     values.data(), nullptr) == LEVIT_NUMBER);
  }
  std::vector<float> picture = sound;
  picture[0] = 0x1p20f;
  CHECK(levit_classify(context, {nullptr, picture.data()}, 1, logits.data()) == LEVIT_OK);
}

TEST_CASE("logits are finite or refused, whatever the weights do to the largest pixels") {
  // The stem's biases are the largest numbers there are: its outputs overflow.
  tools::FoldedModel folded = seeded_fold(Seed{"micro"});
  for (double& bias : folded.layers[2].bias) bias = static_cast<double>(kLargest);
  const OpenModel model(tools::write_levit(folded, weights::Type::kFloat));
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 2));
  const std::vector<float> picture = seeded_input(2);
  std::vector<float> values(2 * kPixels), logits(4), map(14 * 14);
  const levit_input input = {nullptr, picture.data()};
  const float direction[] = {1, 0, 1, 0};
  CHECK(levit_classify(context, input, 2, logits.data()) == LEVIT_NUMBER);
  CHECK(levit_gradient(context, input, 2, direction, LEVIT_INPUT, values.data(), nullptr, logits.data()) ==
        LEVIT_NUMBER);
  CHECK(levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_STAGE0, map.data(), nullptr) ==
        LEVIT_NUMBER);
  CHECK(levit_integrated_gradients(context, picture.data(), nullptr, direction, 2, values.data(), nullptr) ==
        LEVIT_NUMBER);
}

TEST_CASE("a gradient that overflows is refused, not returned as infinity") {
  const OpenModel model(Seed{"micro"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION));
  const std::vector<float> picture = seeded_input();
  std::vector<float> values(kPixels), map(14 * 14);
  const float direction[] = {kLargest, -kLargest};
  const levit_input input = {nullptr, picture.data()};
  CHECK(levit_gradient(context, input, 1, direction, LEVIT_INPUT, values.data(), nullptr, nullptr) ==
        LEVIT_NUMBER);
  CHECK(levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_STEM, map.data(), nullptr) == LEVIT_NUMBER);
  const std::vector<float> far(kPixels, 0x1p20f);  // values times its distance overflow
  const float large[] = {1e38f, -1e38f};
  CHECK(levit_integrated_gradients(context, far.data(), nullptr, large, 2, values.data(), nullptr) ==
        LEVIT_NUMBER);
}

}  // namespace levit::tests
