#include "tools/checkpoint/writer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/weights/models.h"
#include "tools/checkpoint/quantise.h"
#include "weights/layout.h"

using namespace levit;

namespace {

double value_of(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  return exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
}

}  // namespace

TEST_CASE("every fp16 number is kept, and between two of them the nearer one, or the even one, is taken") {
  for (uint16_t bits = 0; bits < 0x7c00; ++bits) {
    const double here = value_of(bits), next = value_of(static_cast<uint16_t>(bits + 1));
    const auto above = static_cast<uint16_t>(bits + 1);
    const double middle = here + (next - here) / 2;
    const uint16_t even = bits % 2 == 0 ? bits : above;
    const bool right = tools::round_to_half(here).bits == bits && tools::round_to_half(here).value == here &&
                       tools::round_to_half(-here).bits == (bits | 0x8000) &&
                       tools::round_to_half(middle).bits == even &&
                       tools::round_to_half(-middle).bits == (even | 0x8000) &&
                       tools::round_to_half(std::nextafter(middle, 0.0)).bits == bits &&
                       tools::round_to_half(std::nextafter(middle, 1e9)).bits == above;
    if (!right) FAIL_CHECK("wrong at " << bits);
  }
}

TEST_CASE("fp16 is rounded once") {
  // Through float 1 + 2^-11 + 2^-40 loses its last bit and then goes down to the even 1.
  CHECK(tools::round_to_half(1 + 0x1p-11 + 0x1p-40).value == 1 + 0x1p-10);
}

TEST_CASE("fp16 overflows from 65520 on, and vanishes up to 2^-25") {
  CHECK(tools::round_to_half(65504).bits == 0x7bff);
  CHECK(tools::round_to_half(std::nextafter(65520.0, 0.0)).bits == 0x7bff);
  CHECK(tools::round_to_half(65520).bits == 0x7c00);
  CHECK(std::isinf(tools::round_to_half(65520).value));
  CHECK(tools::round_to_half(1e300).bits == 0x7c00);
  CHECK(tools::round_to_half(-1e300).bits == 0xfc00);
  CHECK(tools::round_to_half(0x1p-25).bits == 0);
  CHECK(tools::round_to_half(-0x1p-25).bits == 0x8000);
  CHECK(tools::round_to_half(std::nextafter(0x1p-25, 1.0)).bits == 1);
  CHECK(tools::round_to_half(std::numeric_limits<double>::denorm_min()).bits == 0);
}

TEST_CASE("the report of an fp16 file has its largest rounding error and what fp16 holds badly") {
  tools::FoldedModel model = tests::seeded_model(tests::smallest(2));
  for (tools::FoldedLayer& layer : model.layers) std::fill(layer.weight.begin(), layer.weight.end(), 1.0);
  model.layers[5].weight[3] = 1 + 0x1p-12;  // rounds to 1
  model.layers[5].weight[4] = 2;
  model.layers[6].weight[0] = 0x1p-20;
  model.layers[6].weight[1] = 0x1p-30;
  tools::WriteReport report;
  tools::write_levit(model, weights::Type::kHalf, &report);
  CHECK(report.largest_rounding_error == 0x1p-13);
  CHECK(report.worst_layer == "stages.0.blocks.0.attn.proj.ln");
  CHECK(report.subnormal == 2);
  CHECK(report.out_of_range == 0);
  tools::write_levit(model, weights::Type::kFloat, &report);
  CHECK(report.largest_rounding_error == 0);
  CHECK(report.subnormal == 0);

  model.layers[6].weight[2] = -65520;
  CHECK_THROWS_AS(tools::write_levit(model, weights::Type::kHalf, &report), std::runtime_error);
  CHECK(report.out_of_range == 1);
  CHECK_NOTHROW(tools::write_levit(model, weights::Type::kFloat));
}

TEST_CASE("int8 rounds a linear layer to the nearest, and the sum over a convolution's row to one step") {
  const size_t rows = 3, channels = 5, depth = weights::kTaps * channels;
  std::vector<double> weight(rows * depth);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = std::sin(static_cast<double>(i * i)) + 0.3;
  std::fill_n(weight.begin() + depth, depth, 0.0);  // the second row
  for (const size_t taps : {size_t{1}, weights::kTaps}) {
    const tools::QuantisedMatrix matrix = tools::quantise(weight, depth, taps);
    for (size_t n = 0; n < rows; ++n) {
      const auto scale = static_cast<double>(matrix.scale[n]);
      double largest = 0, worst = 0, sum = 0;
      for (size_t i = n * depth; i < (n + 1) * depth; ++i) {
        const double error = scale * matrix.numbers[i] - weight[i];
        largest = std::max(largest, std::fabs(weight[i]));
        worst = std::max(worst, std::fabs(error));
        sum += error;
      }
      CHECK(matrix.scale[n] == static_cast<float>(largest / 127));
      CHECK(worst <= (taps == 1 ? 0.5 : 1.0) * 1.0001 * scale);
      if (taps > 1) CHECK(std::fabs(sum) <= 0.5001 * scale);
    }
  }
}

TEST_CASE("the report of an int8 file says how many layers are, and where their error is largest") {
  const tools::FoldedModel model = tests::seeded_model(tests::smallest(2));
  tools::WriteReport report;
  tools::write_levit(model, weights::Type::kInt8, &report);
  CHECK(report.int8_layers == model.layers.size() - 4);
  CHECK(report.largest_int8_error > 0.001);
  CHECK(report.largest_int8_error < 0.01);
  CHECK(!report.worst_int8_layer.empty());
}

TEST_CASE("a model that no file can hold is refused") {
  const tools::FoldedModel sound = tests::seeded_model(tests::smallest(2));
  const auto refused = [&sound](void (*spoil)(tools::FoldedModel*)) {
    tools::FoldedModel model = sound;
    spoil(&model);
    CHECK_THROWS_AS(tools::write_levit(model, weights::Type::kFloat), std::runtime_error);
  };
  CHECK_NOTHROW(tools::write_levit(sound, weights::Type::kFloat));
  refused([](tools::FoldedModel* m) { m->config.key = 3; });
  refused([](tools::FoldedModel* m) { m->layers.pop_back(); });
  refused([](tools::FoldedModel* m) { m->layers[0].weight.pop_back(); });
  refused([](tools::FoldedModel* m) { m->layers[1].bias.push_back(0); });
  refused([](tools::FoldedModel* m) { m->layers[1].table.push_back(0); });
  refused([](tools::FoldedModel* m) { m->layers[2].weight[7] = std::nan(""); });
  refused([](tools::FoldedModel* m) { m->layers[2].bias[0] = HUGE_VAL; });
  refused([](tools::FoldedModel* m) { m->layers[4].table[0] = 1e39; });
  refused([](tools::FoldedModel* m) { m->labels.pop_back(); });
  refused([](tools::FoldedModel* m) { m->one_logit = true; });
  refused([](tools::FoldedModel* m) { m->no_head = true; });
  refused([](tools::FoldedModel* m) { m->labels[1].clear(); });
  refused([](tools::FoldedModel* m) { m->labels[1] = "\xff"; });
  refused([](tools::FoldedModel* m) { m->labels[1] = std::string("a\0b", 3); });
  refused([](tools::FoldedModel* m) { m->name = "two\nlines"; });
  refused([](tools::FoldedModel* m) { m->preprocessing.std[1] = 0; });
  refused([](tools::FoldedModel* m) { m->preprocessing.mean[2] = std::nanf(""); });
  refused([](tools::FoldedModel* m) { m->preprocessing.resize = static_cast<weights::Resize>(3); });
  refused([](tools::FoldedModel* m) { m->temperature = -1; });
}

TEST_CASE("files of the published shapes have their sizes") {
  struct Size {
    const char* name;
    uint32_t classes;
    uint64_t half, full;
  };
  // From the shapes in the paper; name and note are empty, labels take 7 bytes with their zeros.
  constexpr Size kSizes[] = {
      {"levit_128s", 2, 14038016, 27974464}, {"levit_128s", 1000, 14810816, 29509120},
      {"levit_128", 2, 16917696, 33704960},  {"levit_128", 1000, 17690496, 35239616},
      {"levit_192", 2, 20379584, 40625024},  {"levit_192", 1000, 21152384, 42159680},
      {"levit_256", 2, 35766976, 71358848},  {"levit_256", 1000, 36793728, 73401408},
      {"levit_384", 2, 75225920, 150198592}, {"levit_384", 1000, 76760576, 153256960},
  };
  for (const Size& size : kSizes) {
    const std::string name = size.name;
    CAPTURE(name);
    const weights::Config config = tests::published(name, size.classes);
    const uint64_t header = weights::align_up(
        weights::kHeaderBytes + weights::tensor_count(config, weights::Type::kHalf) * weights::kEntryBytes +
        2 + uint64_t{7} * size.classes);
    CHECK(weights::file_bytes(config, weights::Type::kHalf, header) == size.half);
    CHECK(weights::file_bytes(config, weights::Type::kFloat, header) == size.full);
  }
}

TEST_CASE("LeViT-128S with two classes takes 14.1 MB at most, 28.1 MB in fp32, 7.2 MB in int8") {
  const tools::FoldedModel model = tests::seeded_model(tests::published("levit_128s", 2));
  CHECK(tools::write_levit(model, weights::Type::kHalf).size() <= 14100000);
  CHECK(tools::write_levit(model, weights::Type::kFloat).size() <= 28100000);
  CHECK(tools::write_levit(model, weights::Type::kInt8).size() <= 7200000);
}
