// How far pictures are from those of the training, and the section of the weight file that says so.
#include "weights/familiarity.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "levit.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "weights/checksum.h"
#include "weights/layout.h"

namespace levit::tests {
namespace {

constexpr size_t kMeans = 19, kRows = 40;  // more means than are measured at once

std::vector<float> floats(const std::string& name, size_t count) {
  std::vector<float> values;
  for (const double value : uniform(name, count)) values.push_back(static_cast<float>(2 * value - 1));
  return values;
}

// A model with a spread whose numbers are drawn, and what they are.
struct Spread {
  Spread() : base(Seed{"micro"}), features(base.info().dims[2]) {
    whitening = floats("whitening", features * features);
    mean = floats("mean", kMeans * features);
    for (size_t i = 0; i < LEVIT_QUANTILES; ++i) quantile.push_back(static_cast<float>(i) / 100);
    spread = {sizeof spread, whitening.data(), mean.data(), kMeans, quantile.data()};
  }

  std::vector<uint8_t> exported(levit_status expected = LEVIT_OK) const {
    levit_export_options options{};
    options.size = sizeof options;
    options.spread = &spread;
    size_t bytes = 0;
    levit_status status = levit_export_bytes(base, &options, &bytes);
    std::vector<uint8_t> image(bytes);
    if (status == LEVIT_OK) status = levit_export(base, &options, image.data(), bytes);
    CHECK(status == expected);
    return image;
  }

  double distance(const float* x) const {
    double least = std::numeric_limits<double>::infinity();
    for (size_t m = 0; m < kMeans; ++m) {
      double squared = 0;
      for (size_t i = 0; i < features; ++i) {
        double sum = 0;
        for (size_t j = 0; j <= i; ++j)
          sum += static_cast<double>(whitening[i * features + j]) *
                 (static_cast<double>(x[j]) - static_cast<double>(mean[m * features + j]));
        squared += sum * sum;
      }
      least = std::min(least, squared);
    }
    return std::sqrt(least);
  }

  OpenModel base;
  size_t features;
  std::vector<float> whitening, mean, quantile;
  levit_training_spread spread{};
};

levit_status opened(std::vector<uint8_t> bytes) {
  weights::store_u64(bytes.data() + weights::kAtChecksum, weights::checksum(bytes.data(), bytes.size()));
  const AlignedBytes image(bytes);
  const levit_model* model = nullptr;
  return levit_open(image.data(), image.size(), &model);
}

}  // namespace

TEST_CASE("a distance is the least Mahalanobis distance to a class mean, to what 16 bits leave of W") {
  const Spread known;
  const OpenModel model(known.exported());
  CHECK(model.info().familiarity == kMeans);
  const std::vector<float> x = floats("features", kRows * known.features);
  std::vector<float> distance(kRows), percentile(kRows);
  REQUIRE(levit_familiarity(model, x.data(), kRows, distance.data(), percentile.data()) == LEVIT_OK);
  for (size_t i = 0; i < kRows; ++i) {
    const double expected = known.distance(&x[i * known.features]);
    // Half a step of every weight, 1/32767 of its row's largest, over 32 features between -2 and 2.
    CHECK(static_cast<double>(distance[i]) == doctest::Approx(expected).epsilon(3e-4));
    CHECK(percentile[i] ==
          doctest::Approx(std::min(100.0, 10 * static_cast<double>(distance[i]))).epsilon(1e-5));
  }
  REQUIRE(levit_familiarity(model, x.data(), kRows, nullptr, nullptr) == LEVIT_OK);
}

TEST_CASE("percentiles end at 0 and 100, and quantiles that are alike do no harm") {
  Spread known;
  const std::vector<float> x = floats("features", known.features);
  const auto away = static_cast<float>(known.distance(x.data()));
  const auto percentile_among = [&](float low, float high) {
    for (size_t i = 0; i < LEVIT_QUANTILES; ++i) known.quantile[i] = i < 500 ? low : high;
    const OpenModel model(known.exported());
    float percentile = -1;
    CHECK(levit_familiarity(model, x.data(), 1, nullptr, &percentile) == LEVIT_OK);
    return percentile;
  };
  CHECK(percentile_among(away / 2, away / 2) == 100);
  CHECK(percentile_among(2 * away, 2 * away) == 0);
  const float between = percentile_among(away / 2, 2 * away);
  CHECK(between > 49.9F);
  CHECK(between < 50);
}

TEST_CASE("familiarity is refused where it makes no sense") {
  const Spread known;
  const OpenModel model(known.exported());
  std::vector<float> x = floats("features", known.features);
  float distance = 0;
  CHECK(levit_familiarity(known.base, x.data(), 1, &distance, nullptr) == LEVIT_NO_FAMILIARITY);
  CHECK(levit_familiarity(nullptr, x.data(), 1, &distance, nullptr) == LEVIT_ARGUMENT);
  CHECK(levit_familiarity(model, nullptr, 1, &distance, nullptr) == LEVIT_ARGUMENT);
  CHECK(levit_familiarity(model, x.data(), 0, &distance, nullptr) == LEVIT_ARGUMENT);
  x[3] = NAN;
  CHECK(levit_familiarity(model, x.data(), 1, &distance, nullptr) == LEVIT_NUMBER);
}

TEST_CASE("a spread that is no spread is not exported") {
  {
    Spread known;
    known.spread.means = 0;
    known.exported(LEVIT_ARGUMENT);
  }
  {
    Spread known;
    known.spread.size = 0;
    known.exported(LEVIT_STRUCT);
  }
  {
    Spread known;
    std::swap(known.quantile[3], known.quantile[4]);
    known.exported(LEVIT_NUMBER);
  }
  {
    Spread known;
    known.whitening[known.features] = NAN;  // of row 1; what lies above the diagonal is not read
    known.exported(LEVIT_NUMBER);
    known.whitening[known.features] = 0;
    known.whitening[1] = NAN;
    known.exported(LEVIT_OK);
  }
}

TEST_CASE("the section stays when the model keeps its head, and goes with another head") {
  const Spread known;
  const std::vector<uint8_t> bytes = known.exported();
  const OpenModel model(bytes);
  levit_export_options options{};
  options.size = sizeof options;
  options.temperature = 2;
  size_t copied_bytes = 0;
  REQUIRE(levit_export_bytes(model, &options, &copied_bytes) == LEVIT_OK);
  CHECK(copied_bytes == bytes.size());
  std::vector<uint8_t> copy(copied_bytes);
  REQUIRE(levit_export(model, &options, copy.data(), copied_bytes) == LEVIT_OK);
  const auto section =
      static_cast<long>(weights::familiarity_bytes(weights::view(model.get()).config, kMeans));
  CHECK(std::equal(bytes.end() - section, bytes.end(), copy.end() - section));
  const std::vector<float> weight(2 * known.features), bias(2);
  size_t head_bytes = 0;
  REQUIRE(levit_head_pack_bytes(known.features, 2, &head_bytes) == LEVIT_OK);
  AlignedBytes memory(head_bytes);
  REQUIRE(levit_head_pack(weight.data(), bias.data(), known.features, 2, memory.data(), head_bytes,
                          &options.head) == LEVIT_OK);
  REQUIRE(levit_export_bytes(model, &options, &copied_bytes) == LEVIT_OK);
  copy.assign(copied_bytes, 0);
  REQUIRE(levit_export(model, &options, copy.data(), copied_bytes) == LEVIT_OK);
  CHECK(OpenModel(copy).info().familiarity == 0);
}

TEST_CASE("the section stays byte for byte when the model is widened") {
  const OpenModel model(Spread().exported());
  size_t bytes = 0;
  REQUIRE(levit_widened_bytes(model, &bytes) == LEVIT_OK);
  std::vector<uint8_t> wide(bytes);
  REQUIRE(levit_widen(model, wide.data(), bytes) == LEVIT_OK);
  const weights::View view = weights::view(model.get());
  const auto section = static_cast<long>(weights::familiarity_bytes(view.config, kMeans));
  const uint8_t* const end = view.image + view.bytes;
  CHECK(OpenModel(wide).info().familiarity == kMeans);
  CHECK(std::equal(end - section, end, wide.end() - section));
}

TEST_CASE("a file whose section lies is refused as FORMAT.md says") {
  const Spread known;
  const std::vector<uint8_t> sound = known.exported();
  const auto section =
      static_cast<size_t>(weights::familiarity_bytes(weights::view(OpenModel(sound).get()).config, kMeans));
  const size_t begin = sound.size() - section, features = known.features;
  const size_t quantiles = begin + 4 * features * (kMeans + 1);
  const size_t padding = quantiles + 4 * LEVIT_QUANTILES;
  CHECK(opened(sound) == LEVIT_OK);
  const auto with = [&](size_t at, uint32_t value) {
    std::vector<uint8_t> changed = sound;
    weights::store_u32(changed.data() + at, value);
    return opened(changed);
  };
  constexpr uint32_t kInfinity = 0x7f800000, kMinusOne = 0xbf800000;
  CHECK(with(begin, kInfinity) == LEVIT_VALUE);
  CHECK(with(begin, kMinusOne) == LEVIT_VALUE);
  CHECK(with(begin + 4 * features, kInfinity) == LEVIT_VALUE);
  CHECK(with(begin + 4 * features, kMinusOne) == LEVIT_OK);
  CHECK(with(quantiles, kMinusOne) == LEVIT_VALUE);
  CHECK(with(padding - 4, 0) == LEVIT_VALUE);
  REQUIRE(padding % 64 != 0);
  CHECK(with(padding, 1) == LEVIT_PADDING);
  CHECK(with(sound.size() - 4, 1) == LEVIT_PADDING);
  for (const uint32_t means : {0u, 65537u, 0xffffffffu})
    CHECK(with(weights::kAtMeans, means) == LEVIT_CONFIG);
  for (const uint32_t means : {1u, 18u, 65536u}) CHECK(with(weights::kAtMeans, means) == LEVIT_TENSOR);
  std::vector<uint8_t> no_flag = sound;
  no_flag[weights::kAtRequired] ^= weights::kFlagFamiliarity;
  CHECK(opened(no_flag) == LEVIT_PADDING);
  size_t wrong = 0;
  AlignedBytes image(sound);
  for (size_t at = begin; at < sound.size(); ++at) {
    image.data()[at] ^= 4;
    const levit_model* model = nullptr;
    wrong += levit_open(image.data(), image.size(), &model) != LEVIT_CHECKSUM;
    image.data()[at] ^= 4;
  }
  CHECK(wrong == 0);
}

TEST_CASE("logits and features of one pass are those of two, whoever shares the work") {
  const OpenModel model(Seed{"micro"});
  const size_t features = model.info().dims[2];
  const std::vector<float> pictures = seeded_input(3);
  const levit_input input = {nullptr, pictures.data()};
  for (const uint32_t threads : {1u, 2u}) {
    levit_options options = options_with(0, 3);
    options.threads = threads;
    options.parallel_for = [](void*, size_t count, levit_task task, void* context) {
      for (size_t i = 0; i < count; ++i) task(context, i, i % 2);
    };
    if (threads == 1) options.parallel_for = nullptr;
    const OpenContext context(model, options);
    std::vector<float> logits(6), both_logits(6), pooled(3 * features), both_pooled(3 * features);
    REQUIRE(levit_classify(context, input, 3, logits.data()) == LEVIT_OK);
    REQUIRE(levit_features(context, input, 3, pooled.data()) == LEVIT_OK);
    REQUIRE(levit_classify_features(context, input, 3, both_logits.data(), both_pooled.data()) == LEVIT_OK);
    CHECK(logits == both_logits);
    CHECK(pooled == both_pooled);
    CHECK(levit_classify_features(context, input, 3, nullptr, pooled.data()) == LEVIT_ARGUMENT);
    CHECK(levit_classify_features(context, input, 3, logits.data(), nullptr) == LEVIT_ARGUMENT);
    CHECK(levit_classify_features(context, input, 4, logits.data(), pooled.data()) == LEVIT_BATCH);
  }
}

}  // namespace levit::tests
