// A model widened to fp32 is the same model.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/runtime/goldens.h"
#include "weights/checksum.h"
#include "weights/layout.h"
#include "weights/reader.h"

namespace levit::tests {
namespace {

std::vector<uint8_t> widened(const levit_model* model) {
  size_t bytes = 0;
  REQUIRE(levit_widened_bytes(model, &bytes) == LEVIT_OK);
  std::vector<uint8_t> image(bytes + 1, 0xcc);  // dirty, and one byte behind it
  CHECK(levit_widen(model, image.data(), bytes - 1) == LEVIT_ARENA);
  REQUIRE(levit_widen(model, image.data(), bytes) == LEVIT_OK);
  CHECK(image.back() == 0xcc);
  image.pop_back();
  return image;
}

std::vector<uint8_t> image_of(const levit_model* model) {
  const weights::View view = weights::view(model);
  return {view.image, view.image + view.bytes};
}

// Bit for bit of fp16; int8 is multiplied by its scale before the sum, not behind it.
void check_logits(const levit_model* narrow, const levit_model* wide, bool is_int8, size_t classes) {
  const std::vector<float> picture = seeded_input();
  const levit_input input = {nullptr, picture.data()};
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    const levit_options options = options_with(0, 1, target.c_str());
    std::vector<float> a(classes), b(classes);
    REQUIRE(levit_classify(OpenContext(narrow, options), input, 1, a.data()) == LEVIT_OK);
    REQUIRE(levit_classify(OpenContext(wide, options), input, 1, b.data()) == LEVIT_OK);
    CHECK(relative_l2(a, b) <= (is_int8 ? 1e-5 : 0));
  }
}

}  // namespace

TEST_CASE("a model in fp16 that is widened gives the same logits bit for bit, one in int8 within rounding") {
  for (const weights::Type type : {weights::Type::kHalf, weights::Type::kInt8}) {
    CAPTURE(static_cast<int>(type));
    const OpenModel narrow(Seed{"tiny", 3, 2, false, type});
    const OpenModel wide(widened(narrow));
    CHECK(wide.info().dtype == LEVIT_F32);
    CHECK(wide.info().name == std::string(narrow.info().name));
    CHECK(wide.info().note == std::string(narrow.info().note));
    CHECK(levit_label(wide, 2) == std::string(levit_label(narrow, 2)));
    check_logits(narrow, wide, type == weights::Type::kInt8, 3);
  }
}

TEST_CASE("the widened default model gives the same logits bit for bit") {
  const std::string file = load_text("../../weights/ai_vs_real.levit");
  const OpenModel narrow(std::vector<uint8_t>(file.begin(), file.end()));
  check_logits(narrow, OpenModel(widened(narrow)), false, narrow.info().classes);
}

TEST_CASE("a model in fp32 that is widened is itself, byte for byte") {
  const OpenModel model(Seed{"micro"});
  CHECK(widened(model) == image_of(model));
}

TEST_CASE("a widened int8 weight that overflows is refused when it is opened") {
  const OpenModel model(Seed{"micro", 2, 2, false, weights::Type::kInt8});
  std::vector<uint8_t> image = image_of(model);
  const weights::View view = weights::view(model);
  const uint32_t stem4 = 3;
  const auto at = reinterpret_cast<const uint8_t*>(weights::layer_weights(view, stem4).scale) - view.image;
  const float huge = 3e38f;
  std::memcpy(image.data() + at, &huge, sizeof huge);
  weights::store_u64(image.data() + weights::kAtChecksum, weights::checksum(image.data(), image.size()));
  const AlignedBytes wide(widened(OpenModel(image)));
  const levit_model* opened = nullptr;
  CHECK(levit_open(wide.data(), wide.size(), &opened) == LEVIT_VALUE);
}

TEST_CASE("what widening needs is asked for") {
  const OpenModel model(Seed{"micro"});
  size_t bytes = 0;
  CHECK(levit_widened_bytes(nullptr, &bytes) == LEVIT_ARGUMENT);
  CHECK(levit_widened_bytes(model, nullptr) == LEVIT_ARGUMENT);
  CHECK(levit_widen(nullptr, &bytes, sizeof bytes) == LEVIT_ARGUMENT);
  CHECK(levit_widen(model, nullptr, SIZE_MAX) == LEVIT_ARGUMENT);
}

}  // namespace levit::tests
