#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/mt19937.h"
#include "tests/runtime/goldens.h"

namespace levit::tests {
namespace {

nlohmann::json summary(const std::string& folder) {
  return load_json("shap/" + folder + "/summary.json");
}

// background0, background1, ... of the goldens.
std::vector<float> backgrounds(size_t count) {
  std::vector<float> all;
  for (size_t i = 0; i < count; ++i) {
    const std::vector<float> one = seeded_input(1, "background" + std::to_string(i));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

struct Attribution {
  std::vector<float> values = std::vector<float>(kPixels), variance = std::vector<float>(kPixels);
  levit_attribution numbers{};
};

Attribution shap(levit_context* context, const std::vector<float>& picture, std::vector<float>& background,
                 const float* direction, size_t samples, uint32_t seed) {
  levit_shap_options options{};
  options.size = sizeof options;
  options.direction = direction;
  options.background = background_at;
  options.background_context = background.data();
  options.backgrounds = background.size() / kPixels;
  options.samples = samples;
  options.seed = seed;
  Attribution result;
  result.numbers.size = sizeof result.numbers;
  REQUIRE(levit_shap(context, picture.data(), &options, result.values.data(), result.variance.data(),
                     &result.numbers) == LEVIT_OK);
  return result;
}

// Both classes' values in a row, as the goldens have them.
struct BothClasses {
  std::vector<float> values, shap_variance;
};

BothClasses shap_of_both(levit_context* context, size_t background_count) {
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = backgrounds(background_count);
  BothClasses both;
  for (size_t k = 0; k < 2; ++k) {
    const Attribution one = shap(context, picture, background, kScores[k].direction, 40, 11);
    both.values.insert(both.values.end(), one.values.begin(), one.values.end());
    // shap divides by sqrt(n) where the variance of a mean has n.
    for (const float v : one.variance) both.shap_variance.push_back(v * std::sqrt(40.0f));
  }
  return both;
}

}  // namespace

TEST_CASE("the generator draws what NumPy's legacy generator draws") {
  runtime::Mt19937 zero(0), answer(42);
  for (const uint32_t expected : {2357136044u, 2546248239u, 3071714933u, 3626093760u, 2588848963u})
    CHECK(zero.next() == expected);
  for (const uint32_t expected : {1608637542u, 3421126067u, 4083286876u}) CHECK(answer.next() == expected);
  for (const char* folder : {"levit_128s_2", "levit_128s_2_calm"}) {
    const nlohmann::json golden = summary(folder);
    for (const auto& [key, count] : {std::pair{"five", 5u}, std::pair{"one", 1u}}) {
      runtime::Mt19937 random(golden["rseed"].get<uint32_t>());
      for (size_t i = 0; i < 40; ++i) {
        CHECK(random.choice(count) == golden[key]["index"][i].get<uint32_t>());
        CHECK(random.uniform() == golden[key]["alpha"][i].get<double>());
      }
    }
  }
}

TEST_CASE("expected gradients of the calm 128s equal shap's values and variances") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 4));
  for (const char* key : {"five", "one"}) {
    CAPTURE(key);
    const BothClasses both = shap_of_both(context, std::strcmp(key, "five") == 0 ? 5 : 1);
    const std::string base = std::string("shap/levit_128s_2_calm/") + key;
    CHECK(relative_l2(every(25, both.values), load_npy(base + "_values.every25.npy").values) < 1e-3);
    CHECK(relative_l2(every(25, both.shap_variance), load_npy(base + "_variances.every25.npy").values) <
          1e-3);
  }
}

// float32's own error is 2e-2 for expected and 1e-3 for integrated gradients (tests/data/shap/README.md).
TEST_CASE("attributions of the ill-conditioned 128s are as good as float32 can be") {
  const OpenModel model(Seed{"128s"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 4));
  CHECK(relative_l2(every(5, shap_of_both(context, 5).values),
                    load_npy("shap/levit_128s_2/five_values.every5.npy").values) < 1e-1);
}

TEST_CASE("integrated gradients of the calm 128s equal the golden and are complete") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 4));
  const std::vector<float> picture = seeded_input();
  std::vector<float> both;
  for (size_t k = 0; k < 2; ++k) {
    Attribution one;
    one.numbers.size = sizeof one.numbers;
    REQUIRE(levit_integrated_gradients(context, picture.data(), nullptr, kScores[k].direction, 64,
                                       one.values.data(), &one.numbers) == LEVIT_OK);
    both.insert(both.end(), one.values.begin(), one.values.end());
    CHECK(one.numbers.gap == one.numbers.score - one.numbers.base_value - one.numbers.sum);
    CHECK(std::abs(one.numbers.gap) < 1e-4);  // 5e-5 in float64
  }
  CHECK(relative_l2(every(25, both), load_npy("shap/levit_128s_2_calm/integrated.every25.npy").values) <
        1e-3);
}

TEST_CASE("a picture explained against itself has attribution zero in every bit") {
  const OpenModel model(Seed{"tiny"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 2));
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = picture;
  const Attribution none = shap(context, picture, background, kScores[2].direction, 5, 3);
  CHECK(none.values == std::vector<float>(kPixels));
  CHECK(none.variance == std::vector<float>(kPixels));
  CHECK(none.numbers.sum == 0);
  CHECK(none.numbers.standard_error == 0);
  CHECK(std::abs(none.numbers.gap) < 1e-12);
}

// The sum is an unbiased estimate of f(x) minus the mean of f over the backgrounds.
TEST_CASE("values sum to the score's distance from the base value within three standard errors") {
  const OpenModel model(Seed{"tiny", 2, 2, true});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION, 8));
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = backgrounds(3);
  const Attribution result = shap(context, picture, background, kScores[2].direction, 400, 5);
  CHECK(result.numbers.standard_error > 0);
  CHECK(std::abs(result.numbers.gap) < 3 * result.numbers.standard_error);
  double sum = 0, magnitude = 0;
  for (const float v : result.values) {
    sum += static_cast<double>(v);
    magnitude += std::abs(static_cast<double>(v));
  }
  CHECK(std::abs(sum - result.numbers.sum) < 6e-8 * magnitude);  // values are rounded to float32
}

TEST_CASE("the caller can cancel, is told the progress, and faults of a background are reported") {
  const OpenModel model(Seed{"micro"});
  struct Progress {
    size_t calls = 0, done = 0, total = 0, stop_at = 1000;
  } progress;
  levit_options options = options_with(LEVIT_ATTRIBUTION, 2);
  options.progress = [](void* to, size_t done, size_t total) {
    auto& p = *static_cast<Progress*>(to);
    CHECK(done > p.done);
    p.done = done;
    p.total = total;
    return ++p.calls == p.stop_at ? 1 : 0;
  };
  options.progress_context = &progress;
  const OpenContext context(model, options);
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = backgrounds(3);
  shap(context, picture, background, kScores[0].direction, 5, 1);
  CHECK(progress.done == progress.total);
  CHECK(progress.total == 5 + 3 + 1);

  levit_shap_options wrong{};
  wrong.size = sizeof wrong;
  wrong.direction = kScores[0].direction;
  wrong.background = background_at;
  wrong.background_context = background.data();
  wrong.backgrounds = 3;
  wrong.samples = 5;
  std::vector<float> values(kPixels);
  const auto run = [&] {
    return levit_shap(context, picture.data(), &wrong, values.data(), nullptr, nullptr);
  };
  progress = {};
  progress.stop_at = 2;
  CHECK(run() == LEVIT_CANCELLED);
  CHECK(progress.calls == 2);
  progress = {};
  background[kPixels + 7] = std::nanf("");
  CHECK(run() == LEVIT_NUMBER);
  progress = {};
  wrong.samples = 0;
  CHECK(run() == LEVIT_ARGUMENT);
}

}  // namespace levit::tests
