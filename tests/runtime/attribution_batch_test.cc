// Attributions do not depend on how many samples go through the network together.
#include <doctest/doctest.h>

#include <vector>

#include "levit.h"
#include "tests/support/seeded.h"

namespace levit::tests {
namespace {

const float* background_at(void* context, size_t index) {
  constexpr size_t kPixels = 3 * LEVIT_SIDE * LEVIT_SIDE;
  return static_cast<const float*>(context) + index * kPixels;
}

struct Result {
  std::vector<float> values;
  levit_attribution numbers;
};

Result shap(const OpenModel& model, uint32_t batch) {
  std::vector<float> picture = seeded_input(), backgrounds = seeded_input(3, "background");
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, batch));
  const float direction[2] = {1, 0};
  levit_shap_options options{};
  options.size = sizeof options;
  options.direction = direction;
  options.background = background_at;
  options.background_context = backgrounds.data();
  options.backgrounds = 3;
  options.samples = 7;  // the last pass is not full
  Result result = {std::vector<float>(picture.size()), {}};
  result.numbers.size = sizeof result.numbers;
  REQUIRE(levit_shap(context, picture.data(), &options, result.values.data(), nullptr, &result.numbers) ==
          LEVIT_OK);
  return result;
}

Result integrated(const OpenModel& model, uint32_t batch) {
  const std::vector<float> picture = seeded_input();
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, batch));
  const float direction[2] = {1, 0};
  Result result = {std::vector<float>(picture.size()), {}};
  result.numbers.size = sizeof result.numbers;
  REQUIRE(levit_integrated_gradients(context, picture.data(), nullptr, direction, 7, result.values.data(),
                                     &result.numbers) == LEVIT_OK);
  return result;
}

TEST_CASE("SHAP and integrated gradients are the same in every bit for any batch") {
  const OpenModel model({"tiny"});
  const Result shap_alone = shap(model, 1), integrated_alone = integrated(model, 1);
  for (const uint32_t batch : {2U, 5U, 8U}) {
    CAPTURE(batch);
    const Result together = shap(model, batch);
    CHECK(together.values == shap_alone.values);
    CHECK(together.numbers.sum == shap_alone.numbers.sum);
    CHECK(together.numbers.standard_error == shap_alone.numbers.standard_error);
    CHECK(integrated(model, batch).values == integrated_alone.values);
  }
}

}  // namespace
}  // namespace levit::tests
