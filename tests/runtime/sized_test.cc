// Structs of levit.h that grow: programs and libraries of different ages.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "tests/runtime/goldens.h"

namespace levit::tests {
namespace {

// What a caller of another version has: the bytes of a struct and what lies behind them.
template <class Struct>
struct Grown {
  Struct known{};
  uint64_t later[2] = {};
};

constexpr size_t kUnset[] = {0, 1, 7, sizeof(size_t) + 1, 4104, SIZE_MAX, size_t{0xa5a5a5a5}};

}  // namespace

TEST_CASE("options of an older program take the defaults for what they lack") {
  const OpenModel model(Seed{"micro"});
  levit_options options = levit_default_options();
  size_t expected = 0, bytes = 0;
  REQUIRE(levit_arena_bytes(model, &options, &expected) == LEVIT_OK);
  // Only `features` and `batch`; what follows is somebody else's memory.
  std::memset(&options, 0xff, sizeof options);
  options.size = offsetof(levit_options, threads);
  options.features = 0;
  options.batch = 1;
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  CHECK(bytes == expected);
  options.size = sizeof(size_t);
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  CHECK(bytes == expected);
}

TEST_CASE("options of a newer program are taken as long as they ask for nothing new") {
  const OpenModel model(Seed{"micro"});
  Grown<levit_options> grown;
  grown.known = levit_default_options();
  grown.known.size = sizeof grown;
  size_t bytes = 0;
  CHECK(levit_arena_bytes(model, &grown.known, &bytes) == LEVIT_OK);
  AlignedBytes arena(bytes);
  levit_context* context = nullptr;
  CHECK(levit_create(model, &grown.known, arena.data(), bytes, &context) == LEVIT_OK);
  grown.later[1] = 1;
  CHECK(levit_arena_bytes(model, &grown.known, &bytes) == LEVIT_STRUCT);
  CHECK(levit_create(model, &grown.known, arena.data(), bytes, &context) == LEVIT_STRUCT);
}

TEST_CASE("an older program gets the fields it knows of a model, a newer one zeros for the rest") {
  const OpenModel model(Seed{"micro", 3});
  levit_info info;
  std::memset(&info, 0xa5, sizeof info);
  info.size = offsetof(levit_info, parameters);
  REQUIRE(levit_model_info(model, &info) == LEVIT_OK);
  CHECK(info.size == offsetof(levit_info, parameters));
  CHECK(info.classes == 3);
  CHECK(info.grid[2] == 4);
  CHECK(info.parameters == 0xa5a5a5a5a5a5a5a5u);

  Grown<levit_info> grown;
  grown.known.size = sizeof grown;
  grown.later[0] = grown.later[1] = 1;
  REQUIRE(levit_model_info(model, &grown.known) == LEVIT_OK);
  CHECK(grown.known.size == sizeof grown);
  CHECK(grown.known.checksum == model.info().checksum);
  CHECK(grown.later[0] == 0);
  CHECK(grown.later[1] == 0);
}

TEST_CASE("a size that nobody set is refused") {
  const OpenModel model(Seed{"micro"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION));
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = picture, values(kPixels);
  size_t bytes = 0;
  for (const size_t size : kUnset) {
    CAPTURE(size);
    levit_options options = levit_default_options();
    options.size = size;
    CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_STRUCT);
    levit_info info{};
    info.size = size;
    CHECK(levit_model_info(model, &info) == LEVIT_STRUCT);
    levit_attribution attribution{};
    attribution.size = size;
    CHECK(levit_integrated_gradients(context, picture.data(), nullptr, kScores[0].direction, 1, values.data(),
                                     &attribution) == LEVIT_STRUCT);
    levit_shap_options shap{};
    shap.size = size;
    CHECK(levit_shap(context, picture.data(), &shap, values.data(), nullptr, nullptr) == LEVIT_STRUCT);
  }
}

TEST_CASE("attributions go between versions as well") {
  const OpenModel model(Seed{"micro"});
  const OpenContext context(model, options_with(LEVIT_ATTRIBUTION));
  const std::vector<float> picture = seeded_input();
  std::vector<float> background = seeded_input(2, "background"), values(kPixels);
  Grown<levit_shap_options> options;
  options.known.size = sizeof options;
  options.known.direction = kScores[0].direction;
  options.known.background = background_at;
  options.known.background_context = background.data();
  options.known.backgrounds = 2;
  options.known.samples = 3;
  Grown<levit_attribution> numbers;
  numbers.known.size = offsetof(levit_attribution, sum);
  numbers.known.sum = 7;
  REQUIRE(levit_shap(context, picture.data(), &options.known, values.data(), nullptr, &numbers.known) ==
          LEVIT_OK);
  CHECK(numbers.known.score != 0);
  CHECK(numbers.known.sum == 7);
  numbers.known.size = sizeof numbers;
  numbers.later[0] = 1;
  REQUIRE(levit_shap(context, picture.data(), &options.known, values.data(), nullptr, &numbers.known) ==
          LEVIT_OK);
  CHECK(numbers.known.sum != 7);
  CHECK(numbers.later[0] == 0);
  options.later[0] = 1;
  CHECK(levit_shap(context, picture.data(), &options.known, values.data(), nullptr, nullptr) == LEVIT_STRUCT);
  options.later[0] = 0;
  options.known.reserved = 1;
  CHECK(levit_shap(context, picture.data(), &options.known, values.data(), nullptr, nullptr) == LEVIT_STRUCT);
}

}  // namespace levit::tests
