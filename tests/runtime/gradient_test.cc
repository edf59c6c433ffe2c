#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "levit.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"

namespace levit::tests {
namespace {

struct Place {
  levit_place place;
  const char* name;
};
constexpr Place kPlaces[] = {
    {LEVIT_STEM, "stem"}, {LEVIT_STAGE0, "stage0"}, {LEVIT_STAGE1, "stage1"}, {LEVIT_STAGE2, "stage2"}};

struct Score {
  const char* name;
  float direction[2];
};
constexpr Score kScores[] = {{"class0", {1, 0}}, {"class1", {0, 1}}, {"difference", {-1, 1}}};

std::vector<float> gradient_of(const OpenModel& model, const std::vector<float>& picture,
                               const float* direction, levit_place place, const char* target) {
  const OpenContext context(model, options_with(LEVIT_GRADIENT, 1, target));
  size_t floats = 0;
  REQUIRE(levit_place_floats(model, place, &floats) == LEVIT_OK);
  std::vector<float> gradient(floats);
  REQUIRE(levit_gradient(context, {nullptr, picture.data()}, 1, direction, place, gradient.data(), nullptr,
                         nullptr) == LEVIT_OK);
  return gradient;
}

std::vector<float> every(size_t step, const std::vector<float>& values) {
  std::vector<float> some;
  for (size_t i = 0; i < values.size(); i += step) some.push_back(values[i]);
  return some;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / std::sqrt(aa * bb);
}

// [channels, tokens] of the goldens' stem to tokens by channels.
std::vector<float> tokens_first(const std::vector<float>& values) {
  constexpr size_t kTokens = 14 * 14;
  std::vector<float> out(values.size());
  const size_t channels = values.size() / kTokens;
  for (size_t t = 0; t < kTokens; ++t)
    for (size_t c = 0; c < channels; ++c) out[t * channels + c] = values[c * kTokens + t];
  return out;
}

void check_close(const std::vector<float>& gradient, const std::string& golden, double bar) {
  CAPTURE(golden);
  std::vector<float> expected = load_npy("gradient/" + golden).values;
  if (golden.find("_stem") != std::string::npos) expected = tokens_first(expected);
  CHECK(relative_l2(gradient, expected) < bar);
  CHECK(cosine(gradient, expected) > 1 - bar * bar);
}

}  // namespace

TEST_CASE("gradients of the tiny model equal the goldens at every place") {
  const OpenModel model(Seed{"tiny"});
  const std::vector<float> picture = seeded_input();
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    for (const Score& score : kScores) {
      const std::string base = std::string("levit_tiny_2/") + score.name;
      for (const Place& p : kPlaces)
        check_close(gradient_of(model, picture, score.direction, p.place, target.c_str()),
                    base + "_" + p.name + ".npy", p.place == LEVIT_STAGE2 ? 1e-6 : 1e-4);
      const std::vector<float> input =
          gradient_of(model, picture, score.direction, LEVIT_INPUT, target.c_str());
      if (score.direction[0] < 0)
        check_close(input, base + "_input.npy", 1e-4);
      else
        check_close(every(7, input), base + "_input_every7.npy", 1e-4);
    }
  }
}

TEST_CASE("gradients of the calm 128s equal the goldens at every place") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const std::vector<float> picture = seeded_input();
  const float difference[] = {-1, 1};
  const std::string base = "levit_128s_2_calm/difference_";
  for (const Place& p : kPlaces)
    check_close(gradient_of(model, picture, difference, p.place, nullptr), base + p.name + ".npy",
                p.place == LEVIT_STAGE2 ? 1e-6 : 1e-4);
  check_close(every(7, gradient_of(model, picture, difference, LEVIT_INPUT, nullptr)),
              base + "input_every7.npy", 1e-4);
}

// float32's own error there is 2e-3: the seeded attention is nearly one-hot (tests/data/gradient/README.md).
TEST_CASE("gradients of the ill-conditioned 128s are as good as float32 can be") {
  const OpenModel model(Seed{});
  const std::vector<float> picture = seeded_input();
  for (const Score& score : kScores) {
    for (const Place& p : kPlaces)
      check_close(gradient_of(model, picture, score.direction, p.place, nullptr),
                  std::string("levit_128s_2/") + score.name + "_" + p.name + ".npy",
                  p.place == LEVIT_STAGE2 ? 1e-6 : 1e-2);
  }
}

}  // namespace levit::tests
