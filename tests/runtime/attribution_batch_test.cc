// Attributions do not depend on how many samples go through the network together, nor on threads.
#include <doctest/doctest.h>

#include <vector>

#include "levit.h"
#include "tests/support/seeded.h"
#include "tools/common/thread_pool.h"

namespace levit::tests {
namespace {

struct Result {
  std::vector<float> values;
  levit_attribution numbers;
};

levit_options options_of(uint32_t batch, tools::ThreadPool& pool) {
  levit_options options = options_with(LEVIT_ATTRIBUTION, batch);
  options.threads = static_cast<uint32_t>(pool.threads());
  options.parallel_for = tools::ThreadPool::parallel_for;
  options.parallel_context = &pool;
  return options;
}

Result shap(const OpenModel& model, uint32_t batch, size_t threads) {
  std::vector<float> picture = seeded_input(), backgrounds = seeded_input(3, "background");
  tools::ThreadPool pool(threads);
  const OpenContext context(model, options_of(batch, pool));
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

Result integrated(const OpenModel& model, uint32_t batch, size_t threads) {
  const std::vector<float> picture = seeded_input();
  tools::ThreadPool pool(threads);
  const OpenContext context(model, options_of(batch, pool));
  const float direction[2] = {1, 0};
  Result result = {std::vector<float>(picture.size()), {}};
  result.numbers.size = sizeof result.numbers;
  REQUIRE(levit_integrated_gradients(context, picture.data(), nullptr, direction, 7, result.values.data(),
                                     &result.numbers) == LEVIT_OK);
  return result;
}

TEST_CASE("SHAP and integrated gradients are the same in every bit for any batch and number of threads") {
  const OpenModel model({"tiny"});
  const Result shap_alone = shap(model, 1, 1), integrated_alone = integrated(model, 1, 1);
  for (const size_t threads : {size_t{1}, size_t{2}, size_t{3}}) {
    CAPTURE(threads);
    for (const uint32_t batch : {2U, 5U, 8U}) {
      CAPTURE(batch);
      const Result together = shap(model, batch, threads);
      CHECK(together.values == shap_alone.values);
      CHECK(together.numbers.sum == shap_alone.numbers.sum);
      CHECK(together.numbers.standard_error == shap_alone.numbers.standard_error);
      CHECK(integrated(model, batch, threads).values == integrated_alone.values);
    }
  }
}

}  // namespace
}  // namespace levit::tests
