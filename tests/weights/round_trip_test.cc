#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/panels.h"
#include "tests/weights/models.h"
#include "tests/weights/mutation.h"
#include "tools/checkpoint/writer.h"
#include "weights/reader.h"
#include "weights/validate.h"

using namespace levit;

namespace {

// W[n][k] behind the scale of int8.
double stored(const weights::LayerWeights& from, size_t n, size_t at) {
  if (from.type == weights::Type::kFloat)
    return static_cast<double>(static_cast<const float*>(from.panels)[at]);
  if (from.type == weights::Type::kInt8)
    return static_cast<double>(from.scale[n]) * static_cast<const int8_t*>(from.panels)[at];
  const uint16_t bits = static_cast<const uint16_t*>(from.panels)[at];
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// Half a unit in the last place, or half of the smallest subnormal; of int8 half a step, of its convolution a
// whole one.
double tolerance(const weights::LayerWeights& to, size_t n, double want, bool convolution) {
  switch (to.type) {
    case weights::Type::kFloat:
      return std::ldexp(std::fabs(want), -24);
    case weights::Type::kHalf:
      return std::fmax(std::ldexp(std::fabs(want), -11), 0x1p-25);
    default:
      return (convolution ? 1.0001 : 0.5001) * static_cast<double>(to.scale[n]);
  }
}

void check_layer(const tools::FoldedLayer& from, const weights::Layer& shape,
                 const weights::LayerWeights& to) {
  REQUIRE((to.scale != nullptr) == (to.type == weights::Type::kInt8));
  const size_t panels = kernels::panel_count(shape.outputs);
  size_t wrong = 0;
  for (size_t i = 0; i < panels * 16; ++i) {
    const bool real = i < shape.outputs;
    for (size_t k = 0; k < shape.depth; ++k) {
      const double want = real ? from.weight[i * shape.depth + k] : 0;
      const double got = stored(to, i, (i / 16 * shape.depth + k) * 16 + i % 16);
      wrong += std::fabs(got - want) > tolerance(to, i, want, shape.part == weights::Part::kStem);
    }
    wrong += to.bias[i] != (real ? static_cast<float>(from.bias[i]) : 0.0f);
  }
  CHECK(wrong == 0);
  CHECK(reinterpret_cast<uintptr_t>(to.panels) % 64 == 0);
  REQUIRE((to.table != nullptr) == (shape.table > 0));
  for (size_t i = 0; i < shape.table; ++i) wrong += to.table[i] != static_cast<float>(from.table[i]);
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("what is written is read, in fp16, fp32 and int8") {
  for (const uint32_t classes : {1u, 2u, 16u, 37u}) {
    for (const weights::Type type : {weights::Type::kFloat, weights::Type::kHalf, weights::Type::kInt8}) {
      CAPTURE(classes);
      CAPTURE(static_cast<int>(type));
      const tools::FoldedModel model = tests::seeded_model(tests::micro(classes));
      const tests::Image image(tools::write_levit(model, type));
      REQUIRE(weights::validate(image.data(), image.bytes()) == weights::Fault::kNone);
      const weights::View view = weights::view(image.data());
      CHECK(std::memcmp(&view.config, &model.config, sizeof model.config) == 0);
      CHECK(view.type == type);
      CHECK(view.name == model.name);
      CHECK(view.note == model.note);
      CHECK(view.bytes == image.bytes());
      CHECK(view.temperature == model.temperature);
      CHECK(view.preprocessing.resize == model.preprocessing.resize);
      for (size_t c = 0; c < 3; ++c) {
        CHECK(view.preprocessing.mean[c] == model.preprocessing.mean[c]);
        CHECK(view.preprocessing.std[c] == model.preprocessing.std[c]);
      }
      for (uint32_t c = 0; c < classes; ++c) CHECK(weights::label(view, c) == model.labels[c]);
      for (uint32_t i = 0; i < model.layers.size(); ++i) {
        CAPTURE(i);
        check_layer(model.layers[i], weights::layer_at(model.config, i), weights::layer_weights(view, i));
      }
    }
  }
}

TEST_CASE("two classes may have one label") {
  tools::FoldedModel model = tests::seeded_model(tests::smallest(2));
  model.labels = {"crane", "crane"};
  const std::vector<uint8_t> bytes = tools::write_levit(model, weights::Type::kHalf);
  const tests::Image image(bytes);
  REQUIRE(weights::validate(image.data(), bytes.size()) == weights::Fault::kNone);
  CHECK(weights::label(weights::view(image.data()), 1) == std::string("crane"));
}

TEST_CASE("one logit has two labels") {
  tools::FoldedModel model = tests::seeded_model(tests::smallest(1));
  model.one_logit = true;
  model.labels = {"real", "ai"};
  const std::vector<uint8_t> bytes = tools::write_levit(model, weights::Type::kHalf);
  const tests::Image image(bytes);
  REQUIRE(weights::validate(image.data(), bytes.size()) == weights::Fault::kNone);
  const weights::View view = weights::view(image.data());
  CHECK(view.config.classes == 1);
  CHECK(view.labels == 2);
  CHECK(weights::label(view, 1) == std::string("ai"));
}

TEST_CASE("a file without classifier has no labels, and zeros in its head's place") {
  tools::FoldedModel model = tests::seeded_model(tests::smallest(1));
  model.no_head = true;
  model.labels.clear();
  CHECK_THROWS_AS(tools::write_levit(model, weights::Type::kHalf),
                  std::runtime_error);  // its head is not zero
  model.layers.back().weight.assign(model.layers.back().weight.size(), 0.0);
  model.layers.back().bias = {0};
  const std::vector<uint8_t> bytes = tools::write_levit(model, weights::Type::kHalf);
  const tests::Image image(bytes);
  REQUIRE(weights::validate(image.data(), bytes.size()) == weights::Fault::kNone);
  CHECK(weights::view(image.data()).no_head);
  CHECK(weights::view(image.data()).labels == 0);
  std::vector<uint8_t> spoilt = bytes;  // the bias is the last tensor, its first value is the class's
  spoilt[spoilt.size() - 64 + 3] = 0x3f;
  CHECK(tests::status_of(tests::mutate(spoilt, "!checksum")) == LEVIT_PADDING);
}
