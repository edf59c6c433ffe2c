#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/runtime/goldens.h"

namespace levit::tests {
namespace {

std::vector<float> logits_of(const OpenModel& model, size_t batch, const char* target = nullptr) {
  const std::vector<float> pictures = seeded_input(batch);
  const OpenContext context(model, options_with(0, static_cast<uint32_t>(batch), target));
  std::vector<float> logits(batch * model.info().classes);
  REQUIRE(levit_classify(context, {nullptr, pictures.data()}, batch, logits.data()) == LEVIT_OK);
  return logits;
}

double logits_error(const Seed& seed, const std::string& golden, const char* target = nullptr) {
  const OpenModel model(seed);
  return relative_l2(logits_of(model, 1, target), load_npy("model/" + golden + "/logits.npy").values);
}

// Errors of the maps at STEM, STAGE0, STAGE1, STAGE2.
void check_stages(const Seed& seed, const std::string& golden, size_t batch, const double (&bars)[4]) {
  const OpenModel model(seed);
  const std::vector<float> pictures = seeded_input(batch);
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(kLayers[i].name);
    std::vector<float> expected = load_npy("model/" + golden + "/" + kLayers[i].name + ".npy").values;
    if (kLayers[i].layer == LEVIT_STEM) expected = tokens_first(expected, batch);
    CHECK(relative_l2(activation_of(model, {nullptr, pictures.data()}, batch, kLayers[i].layer), expected) <
          bars[i]);
  }
}

}  // namespace

TEST_CASE("the tiny model's logits equal the golden on every target") {
  const OpenModel model(Seed{"tiny"});
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    CHECK(relative_l2(logits_of(model, 3, target.c_str()), load_npy("model/levit_tiny_2/logits.npy").values) <
          1e-5);
  }
}

TEST_CASE("the tiny model's maps equal the goldens") {
  check_stages(Seed{"tiny"}, "levit_tiny_2", 3, {1e-5, 1e-5, 1e-5, 1e-5});
}

TEST_CASE("the calm 128s's maps equal the goldens") {
  check_stages(Seed{"128s", 2, 2, true}, "levit_128s_2_calm", 1, {1e-5, 1e-5, 1e-5, 1e-5});
}

// Five times the error of torch's own float32 pass (tests/data/model/README.md).
TEST_CASE("the ill-conditioned 128s's maps are as good as float32 can be") {
  check_stages(Seed{"128s"}, "levit_128s_2", 1, {2.5e-6, 4e-6, 3e-5, 1.5e-3});
}

TEST_CASE("the calm 128s's logits equal the golden on every target") {
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    CHECK(logits_error(Seed{"128s", 2, 2, true}, "levit_128s_2_calm", target.c_str()) < 5e-5);
  }
}

TEST_CASE("the family's calm logits equal the goldens") {
  for (const std::string variant : {"128", "192", "256", "384"}) {
    CAPTURE(variant);
    CHECK(logits_error(Seed{variant, 2, 2, true}, "levit_" + variant + "_2_calm") < 5e-5);
  }
}

// Five times the error of torch's own float32 pass.
TEST_CASE("the family's ill-conditioned logits are as good as float32 can be") {
  CHECK(logits_error(Seed{"128"}, "levit_128_2") < 1e-1);
  CHECK(logits_error(Seed{"192"}, "levit_192_2") < 2.5e-2);
  CHECK(logits_error(Seed{"256"}, "levit_256_2") < 2e-1);
  CHECK(logits_error(Seed{"384"}, "levit_384_2") < 5e-2);
}

TEST_CASE("every kind of classifier gives the golden's logits") {
  CHECK(logits_error(Seed{"128s"}, "levit_128s_2") < 1e-3);
  CHECK(logits_error(Seed{"128s", 1000}, "levit_128s_1000") < 1e-3);
  CHECK(logits_error(Seed{"128s", 2, 1}, "levit_128s_single_2") < 1e-3);
  CHECK(logits_error(Seed{"128s", 2, 0}, "levit_128s_conv_head_2") < 1e-3);
}

// Rounding a weight to fp16 moves it by 2^-11 of itself; over the calm network's 40 layers of independent
// roundings the pooled features stay within a few of those.
TEST_CASE("an fp16 file gives the float32 file's features but for the rounding of the weights") {
  const std::vector<float> picture = seeded_input();
  const OpenModel half(Seed{"128s", 2, 2, true, weights::Type::kHalf}), full(Seed{"128s", 2, 2, true});
  const levit_input input = {nullptr, picture.data()};
  const double error =
      relative_l2(activation_of(half, input, 1, LEVIT_STAGE2), activation_of(full, input, 1, LEVIT_STAGE2));
  CHECK(error > 1e-6);
  CHECK(error < 8.0 / 2048);
}

TEST_CASE("a model with heads narrower than a panel agrees between targets") {
  const OpenModel model(Seed{"micro", 3});
  const std::vector<std::string> targets = target_names();
  const std::vector<float> expected = logits_of(model, 2, targets.back().c_str());
  for (const std::string& target : targets) {
    CAPTURE(target);
    CHECK(relative_l2(logits_of(model, 2, target.c_str()), expected) < 1e-5);
  }
}

}  // namespace levit::tests
