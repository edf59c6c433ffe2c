// The classifiers that people put on a LeViT: every way of writing one linear map is the same network, and
// what is not one linear map is refused by what it holds.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/seeded.h"
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/checkpoint_writer.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

using tools::ReadOptions;

constexpr uint64_t kChannels = 32;

// The body of a seeded network in timm's names, without its heads.
const NamedValues& body() {
  static const NamedValues kBody = [] {
    const std::string bytes = checkpoint_bytes("tiny/single_head.safetensors");
    NamedValues values = values_of(tools::read_safetensors(bytes));
    for (auto at = values.begin(); at != values.end();)
      at = at->first.compare(0, 5, "head.") == 0 ? values.erase(at) : std::next(at);
    return values;
  }();
  return kBody;
}

// Numbers between -1 and 1 that look like nothing in particular.
Values numbers(std::vector<uint64_t> shape, float scale = 1) {
  Values values{std::move(shape), {}};
  uint64_t count = 1;
  for (const uint64_t size : values.shape) count *= size;
  for (uint64_t i = 0; i < count; ++i)
    values.data.push_back(scale * std::sin(static_cast<float>(i * i + count)));
  return values;
}

const Values kMatrix = numbers({2, kChannels});
const Values kBias = numbers({2});

Values as_convolution(Values matrix) {
  matrix.shape.insert(matrix.shape.end(), {1, 1});
  return matrix;
}

NamedValues linear(const std::string& module) {
  return {{module + ".weight", kMatrix}, {module + ".bias", kBias}};
}

NamedValues convolution(const std::string& module) {
  return {{module + ".weight", as_convolution(kMatrix)}, {module + ".bias", kBias}};
}

// The same map behind a batch norm that it undoes.
NamedValues normed(const std::string& norm, const std::string& map, bool affine = true) {
  Values mean = numbers({kChannels}, 0.5F), variance = numbers({kChannels}, 0.3F),
         gamma = numbers({kChannels}, 0.2F), beta = numbers({kChannels}, 0.7F);
  Values weight = kMatrix, bias = kBias;
  for (size_t i = 0; i < kChannels; ++i) {
    variance.data[i] += 1;
    gamma.data[i] = affine ? gamma.data[i] + 1 : 1;
    if (!affine) beta.data[i] = 0;
    const float scale = gamma.data[i] / std::sqrt(variance.data[i] + 1e-5F);
    for (size_t o = 0; o < 2; ++o) {
      weight.data[o * kChannels + i] /= scale;
      bias.data[o] -= weight.data[o * kChannels + i] * (beta.data[i] - mean.data[i] * scale);
    }
  }
  NamedValues values = {{norm + ".running_mean", mean},
                        {norm + ".running_var", variance},
                        {map + ".weight", weight},
                        {map + ".bias", bias}};
  if (affine) values = joined(values, {{norm + ".weight", gamma}, {norm + ".bias", beta}});
  return values;
}

// The same map in front of a batch norm of the classes, without a bias of its own.
NamedValues norm_behind(const std::string& map, const std::string& norm) {
  Values weight = kMatrix;
  for (float& value : weight.data) value *= 2;
  return {{map + ".weight", weight},
          {norm + ".running_mean", {{2}, {0, 0}}},
          {norm + ".running_var", {{2}, {4 - 1e-5F, 4 - 1e-5F}}},
          {norm + ".weight", {{2}, {1, 1}}},
          {norm + ".bias", kBias}};
}

NamedValues stock_heads(const std::string& prefix, uint64_t classes) {
  NamedValues values;
  for (const char* head : {"head", "head_dist"}) {
    const std::string module = prefix + head;
    values = joined(values, {{module + ".linear.weight", numbers({classes, kChannels}, 0.1F)},
                             {module + ".linear.bias", numbers({classes})},
                             {module + ".bn.weight", numbers({kChannels})},
                             {module + ".bn.bias", numbers({kChannels})},
                             {module + ".bn.running_mean", numbers({kChannels})},
                             {module + ".bn.running_var", {{kChannels}, std::vector<float>(kChannels, 1)}}});
  }
  return values;
}

std::vector<float> logits_of(const tools::FoldedModel& folded) {
  const OpenModel model(tools::write_levit(folded, weights::Type::kFloat));
  const OpenContext context(model, options_with(0));
  std::vector<float> logits(folded.config.classes);
  const std::vector<float> input = seeded_input();
  REQUIRE(levit_classify(context, {nullptr, input.data()}, 1, logits.data()) == LEVIT_OK);
  return logits;
}

tools::FoldedModel load(const NamedValues& values, const ReadOptions& options = {}) {
  const std::string bytes = safetensors_of(values);
  return tools::load_checkpoint(bytes, options);
}

std::string refusal(const NamedValues& values, const ReadOptions& options = {}) {
  return thrown_by([&] { load(values, options); });
}

ReadOptions with_head(const std::string& key) {
  ReadOptions options;
  options.head.key = key;
  return options;
}

}  // namespace

TEST_CASE("one linear map is the same network in every way of writing it") {
  const NamedValues wrapped = below("model.", body()), deep = below("net.levit.", body());
  const std::pair<const char*, NamedValues> ways[] = {
      {"head", joined(body(), linear("head"))},
      {"head.linear", joined(body(), linear("head.linear"))},
      {"head.0", joined(body(), convolution("head.0"))},
      {"head.2.1", joined(body(), linear("head.2.1"))},
      {"head.l behind head.bn", joined(body(), normed("head.bn", "head.l"))},
      {"head.1 behind head.0", joined(body(), normed("head.0", "head.1"))},
      {"head.1 behind a norm without weights", joined(body(), normed("head.0", "head.1", false))},
      {"head.1 behind head.0 of two dimensions", joined(body(), normed("head.0", "head.1"))},
      {"head.0 in front of head.1", joined(body(), norm_behind("head.0", "head.1"))},
      {"head and head_dist", joined(body(), joined(linear("head"), convolution("head_dist")))},
      {"conv_head", joined(body(), convolution("conv_head"))},
      {"classifier", joined(body(), linear("classifier"))},
      {"fc outside", joined(wrapped, linear("fc"))},
      {"a convolution beside the wrapped network", joined(wrapped, convolution("classifier.1"))},
      {"inside the wrapper", joined(deep, linear("net.classifier.linear"))},
      {"a norm and a map outside", joined(wrapped, normed("bn", "fc"))},
      {"outside stock heads", joined(wrapped, joined(stock_heads("model.", 3), linear("classifier.0")))},
      {"beside ImageNet's heads", joined(body(), joined(stock_heads("", 1000), linear("fc")))},
  };
  const std::vector<float> expected = logits_of(load(ways[0].second));
  REQUIRE(expected.size() == 2);
  REQUIRE(std::fabs(expected[0] - expected[1]) > 0.01F);
  for (const auto& [name, values] : ways) {
    CAPTURE(std::string(name));
    CHECK(relative_l2(logits_of(load(values)), expected) <= 1e-5);
  }
}

TEST_CASE("a head without a bias has none") {
  NamedValues values = joined(body(), linear("head"));
  values["head.bias"].data = {0, 0};
  const std::vector<float> expected = logits_of(load(values));
  values.erase("head.bias");
  CHECK(logits_of(load(values)) == expected);
}

TEST_CASE("a head of more than one linear map is refused by what it holds") {
  NamedValues hidden = {{"head.0.weight", numbers({64, kChannels})}, {"head.3.weight", numbers({2, 64})}};
  CHECK(
      refusal(joined(body(), hidden)) ==
      "the classifier 'head' has hidden layers, only one linear map can be packed; it holds head.0 (a linear "
      "map of 32 to 64), head.3 (a linear map of 64 to 2)");
  CHECK(refusal(joined(below("model.", body()),
                       {{"fc1.weight", numbers({64, kChannels})}, {"fc2.weight", numbers({2, 64})}})) ==
        "the classifier has hidden layers, only one linear map can be packed; it holds fc1 (a linear map of "
        "32 to "
        "64), fc2 (a linear map of 64 to 2)");
  NamedValues scaled = joined(linear("head.1"), {{"head.0.weight", numbers({kChannels})}});
  CHECK(
      names(refusal(joined(body(), scaled)), "head.0 (a norm or scale without running statistics of [32])"));
  CHECK(names(refusal(joined(body(), {{"fc.weight_g", numbers({2, 1})}, {"fc.weight_v", kMatrix}})),
              "the classifier 'fc' has no linear map; it holds fc (weight_g, weight_v)"));
  CHECK(names(refusal(joined(body(), {{"fc.weight", numbers({2, 48})}})),
              "'fc' does not take the 32 channels that the network pools"));
  // Outside the stock heads it is the one that was trained, and these must not be taken in its place.
  const NamedValues outside = {{"classifier.0.weight", numbers({64, kChannels})},
                               {"classifier.2.weight", numbers({2, 64})}};
  CHECK(names(refusal(joined(below("model.", body()), joined(stock_heads("model.", 3), outside))),
              "the classifier 'classifier' has hidden layers"));
  CHECK(names(
      refusal(joined(below("model.", body()), joined(linear("fc"), {{"norm.weight", numbers({kChannels})},
                                                                    {"norm.bias", numbers({kChannels})}}))),
      "beside the classifier 'fc' (2 classes) lies norm"));
}

TEST_CASE("a classifier that is a convolution of windows is named, not called none") {
  const NamedValues windows = {{"head.weight", numbers({3, kChannels, 3, 3})}, {"head.bias", numbers({3})}};
  CHECK(names(
      refusal(joined(body(), windows)),
      "no classifier of one linear map; beside the network it holds head.bias [3], head.weight [3, 32, 3, "
      "3]; --no-head"));
}

TEST_CASE("a Normalize inside the model is what pictures are normalised with") {
  const auto found = [](const NamedValues& values) {
    const std::string bytes = safetensors_of(values);
    return tools::find_checkpoint(tools::read_safetensors(bytes)).normalisation;
  };
  const Values mean{{1, 3, 1, 1}, {0.25F, 0.5F, 0.75F}}, std{{3}, {0.5F, 0.5F, 1}};
  const NamedValues plain = joined(body(), linear("head")), wrapped = below("model.", plain);
  for (const NamedValues& values :
       {joined(plain, {{"mean", mean}, {"std", std}}),
        joined(wrapped, {{"normalize.mean", mean}, {"normalize.std", std}}),
        joined(wrapped, {{"model.pixel_mean", mean}, {"model.pixel_std", std}})}) {
    const auto own = found(values);
    REQUIRE(own.has_value());
    CHECK(own->mean[2] == 0.75F);
    CHECK(own->std[0] == 0.5F);
    CHECK(logits_of(load(values)) == logits_of(load(plain)));
  }
  const auto bytes = found(joined(
      plain, {{"mean", {{3}, {127.5F, 127.5F, 127.5F}}}, {"std", {{3, 1, 1}, {127.5F, 127.5F, 127.5F}}}}));
  REQUIRE(bytes.has_value());
  CHECK(bytes->mean[0] == 0.5F);
  CHECK(bytes->std[0] == 0.5F);
  CHECK(!found(plain).has_value());
  CHECK(!found(joined(wrapped, {{"loss.vgg.block.mean", mean}, {"loss.vgg.block.std", std}})).has_value());
  CHECK(!found(joined(wrapped, {{"a.mean", mean}, {"a.std", std}, {"b.mean", mean}, {"b.std", std}}))
             .has_value());
}

TEST_CASE("of several classifiers --head takes one, and without it the choice is named") {
  const NamedValues values = joined(body(), joined(linear("fc"), {{"aux.weight", numbers({5, kChannels})}}));
  CHECK(refusal(values) ==
        "2 modules could be the classifier: 'aux' (5 classes) and 'fc' (2 classes); --head KEY takes one");
  CHECK(load(values, with_head("aux")).config.classes == 5);
  CHECK(logits_of(load(values, with_head("fc"))) == logits_of(load(joined(body(), linear("fc")))));
  CHECK(refusal(values, with_head("head")) == "it has no module 'head' (--head)");
  const NamedValues stock = joined(below("model.", body()), joined(stock_heads("model.", 3), linear("fc")));
  CHECK(load(stock).config.classes == 2);
  CHECK(load(stock, with_head("model.head,model.head_dist")).config.classes == 3);
  CHECK(tools::find_checkpoint(tools::read_safetensors(safetensors_of(stock))).head.left ==
        std::vector<std::string>{"model.head", "model.head_dist"});
}

TEST_CASE("a network without classifier says so, and packs as a base") {
  CHECK(
      names(refusal(body()), "it has no classifier (num_classes=0, or a bare encoder); --no-head packs it"));
  ReadOptions options;
  options.head.none = true;
  const tools::FoldedModel base = load(body(), options);
  CHECK(base.no_head);
  const OpenModel model(tools::write_levit(base, weights::Type::kHalf));
  CHECK(model.info().labels == 0);
  CHECK(levit_label(model, 0) == nullptr);
  const OpenContext context(model, options_with(0));
  const std::vector<float> input = seeded_input();
  float logit = 0;
  CHECK(levit_classify(context, {nullptr, input.data()}, 1, &logit) == LEVIT_NO_HEAD);
  CHECK(levit_probabilities(context, &logit, 1, &logit) == LEVIT_NO_HEAD);
  CHECK(load(joined(body(), linear("head")), options).no_head);
}

TEST_CASE("one logit is a sigmoid with two labels") {
  const tools::FoldedModel folded = load(joined(body(), {{"head.weight", numbers({1, kChannels})}}));
  CHECK(folded.labels == std::vector<std::string>{"negative", "positive"});
  const OpenModel model(tools::write_levit(folded, weights::Type::kFloat));
  CHECK(model.info().classes == 1);
  CHECK(model.info().labels == 2);
  CHECK(levit_label(model, 1) == std::string("positive"));
  const float logits[] = {-0.4557510F, 3.0e38F, -200.0F};
  float probabilities[6];
  const OpenContext context(model, options_with(0));
  REQUIRE(levit_probabilities(context, logits, 3, probabilities) == LEVIT_OK);
  CHECK(probabilities[1] == doctest::Approx(0.387994).epsilon(1e-5));
  CHECK(probabilities[0] == doctest::Approx(1 - 0.387994).epsilon(1e-5));
  CHECK(probabilities[3] == 1);
  CHECK(probabilities[4] == 1);
  CHECK(probabilities[5] == 0);
}

}  // namespace levit::tests
