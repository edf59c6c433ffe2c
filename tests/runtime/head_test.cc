// Head training against torch.optim (tests/data/finetune/README.md), and heads beside a model and in its
// file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/runtime/goldens.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

constexpr size_t kFeatures = 384, kClasses = 3, kRows = 96;

std::vector<uint32_t> as_labels(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// A trainer in memory of exactly the size that the library asks for.
struct Trainer {
  explicit Trainer(const levit_head_options& options) : memory(bytes_of(options), 0xa5) {
    REQUIRE(levit_head_create(&options, memory.data(), memory.size(), &trainer) == LEVIT_OK);
  }
  static size_t bytes_of(const levit_head_options& options) {
    size_t bytes = 0;
    REQUIRE(levit_head_bytes(&options, &bytes) == LEVIT_OK);
    return bytes;
  }
  operator levit_head_trainer*() const { return trainer; }

  AlignedBytes memory;
  levit_head_trainer* trainer = nullptr;
};

levit_head_options options_of(const nlohmann::json& run, const std::vector<float>& class_weights) {
  levit_head_options options = levit_default_head_options(kFeatures, kClasses);
  if (run["optimizer"] == "sgd") {
    options.optimizer = LEVIT_SGD;
    options.weight_decay = 1e-4;
  }
  options.label_smoothing = run["label_smoothing"];
  options.class_weights = class_weights.data();
  return options;
}

double relative(double value, double expected) {
  return std::fabs(value - expected) / std::fabs(expected);
}

// Packed, in memory of exactly the size that the library asks for.
struct Packed {
  Packed(const std::vector<float>& weight, const std::vector<float>& bias)
      : memory(bytes_of(weight.size() / bias.size(), bias.size())) {
    REQUIRE(levit_head_pack(weight.data(), bias.data(), weight.size() / bias.size(), bias.size(),
                            memory.data(), memory.size(), &head) == LEVIT_OK);
  }
  static size_t bytes_of(size_t features, size_t classes) {
    size_t bytes = 0;
    REQUIRE(levit_head_pack_bytes(features, classes, &bytes) == LEVIT_OK);
    return bytes;
  }

  AlignedBytes memory;
  const levit_head* head = nullptr;
};

// Some head for a model.
Packed seeded_head(const OpenModel& model, size_t classes) {
  const size_t features = model.info().dims[2];
  const std::vector<double> w = uniform("head", classes * features), b = uniform("bias", classes);
  return {{w.begin(), w.end()}, {b.begin(), b.end()}};
}

std::vector<uint8_t> exported(const OpenModel& model, const levit_export_options& options) {
  size_t bytes = 0;
  REQUIRE(levit_export_bytes(model, &options, &bytes) == LEVIT_OK);
  std::vector<uint8_t> image(bytes, 0x5a);
  REQUIRE(levit_export(model, &options, image.data(), bytes) == LEVIT_OK);
  CHECK(levit_export(model, &options, image.data(), bytes - 1) == LEVIT_ARENA);
  return image;
}

levit_export_options export_options(const levit_head* head, const char* const* labels) {
  levit_export_options options{};
  options.size = sizeof options;
  options.head = head;
  options.label = labels;
  return options;
}

std::vector<float> logits_of(levit_context* context, levit_input input, size_t count, size_t classes) {
  std::vector<float> logits(count * classes);
  REQUIRE(levit_classify(context, input, count, logits.data()) == LEVIT_OK);
  return logits;
}

constexpr const char* kLabels[] = {"cat", "dog", "bird"};

}  // namespace

TEST_CASE("losses of every step and heads after the last are torch's within 1e-5") {
  const std::vector<float> features = load_npy("finetune/features.npy").values;
  const std::vector<uint32_t> labels = as_labels(load_npy("finetune/labels.npy").values);
  const std::vector<uint32_t> order = as_labels(load_npy("finetune/order.npy").values);
  const nlohmann::json runs = load_json("finetune/runs.json");
  CHECK(runs.size() == 9);
  for (const auto& item : runs.items()) {
    const std::string& name = item.key();
    const nlohmann::json& run = item.value();
    CAPTURE(name);
    const std::vector<float> class_weights = run["class_weights"];
    const Trainer trainer(options_of(run, class_weights));
    REQUIRE(levit_head_set(trainer, load_npy("finetune/weight.npy").values.data(),
                           load_npy("finetune/bias.npy").values.data()) == LEVIT_OK);
    const size_t batch = run["batch"];
    const bool cosine = name.find("cosine") != std::string::npos;
    for (size_t step = 0; step < 20; ++step) {
      std::vector<float> x;
      std::vector<uint32_t> y;
      for (size_t i = 0; i < batch; ++i) {
        const size_t row = batch == kRows ? i : order[step * batch + i];
        x.insert(x.end(), &features[row * kFeatures], &features[row * kFeatures] + kFeatures);
        y.push_back(labels[row]);
      }
      double loss = 0;
      REQUIRE(levit_head_gradient(trainer, x.data(), y.data(), batch, &loss, nullptr) == LEVIT_OK);
      CHECK(relative(loss, run["losses"][step]) < 1e-10);
      const double base = run["optimizer"] == "sgd" ? 0.05 : 1e-3;
      const double rate = cosine ? levit_cosine_rate(base, step, 3, 20) : base;
      CHECK(relative(rate, run["learning_rates"][step]) < 1e-14);
      REQUIRE(levit_head_step(trainer, rate) == LEVIT_OK);
    }
    std::vector<float> weight(kClasses * kFeatures), bias(kClasses);
    REQUIRE(levit_head_get(trainer, weight.data(), bias.data()) == LEVIT_OK);
    const std::string file = "finetune/" + name;
    CHECK(relative_l2(weight, load_npy(file + ".weight.npy").values) < 1e-7);
    CHECK(relative_l2(bias, load_npy(file + ".bias.npy").values) < 1e-7);
    double loss = 0;
    size_t correct = 0;
    REQUIRE(levit_head_loss(trainer, features.data(), labels.data(), kRows, &loss, &correct) == LEVIT_OK);
    CHECK(relative(loss, run["final_loss_on_all"]) < 1e-10);
    CHECK(static_cast<double>(correct) / kRows == doctest::Approx(run["final_accuracy"].get<double>()));
  }
}

TEST_CASE("the gradient of given derivatives of the logits is their outer product with the features") {
  levit_head_options options = levit_default_head_options(4, 2);
  options.optimizer = LEVIT_SGD;
  options.weight_decay = 0;
  const Trainer trainer(options);
  const float features[] = {1, 2, 3, 4, -1, 0, 1, 0}, direction[] = {1, -1, 0.5f, 2};
  REQUIRE(levit_head_gradient_from(trainer, features, direction, 2) == LEVIT_OK);
  REQUIRE(levit_head_step(trainer, 1) == LEVIT_OK);
  float weight[8], bias[2];
  REQUIRE(levit_head_get(trainer, weight, bias) == LEVIT_OK);
  const float expected[] = {-0.5f, -2, -3.5f, -4, 3, 2, 1, 4};
  for (size_t i = 0; i < 8; ++i) CHECK(weight[i] == expected[i]);
  CHECK(bias[0] == -1.5f);
  CHECK(bias[1] == -1);
}

TEST_CASE("a trainer refuses memory that is a byte short or askew, and options and rows out of range") {
  levit_head_options options = levit_default_head_options(kFeatures, 2);
  for (const levit_optimizer optimizer : {LEVIT_ADAMW, LEVIT_SGD}) {
    options.optimizer = optimizer;
    const size_t bytes = Trainer::bytes_of(options);
    CHECK(bytes <= 65536);
    AlignedBytes memory(bytes + 64);
    levit_head_trainer* trainer = nullptr;
    CHECK(levit_head_create(&options, memory.data(), bytes - 1, &trainer) == LEVIT_ARENA);
    CHECK(levit_head_create(&options, memory.data() + 8, bytes, &trainer) == LEVIT_ALIGNMENT);
    CHECK(levit_head_create(&options, memory.data(), bytes, &trainer) == LEVIT_OK);
  }
  const Trainer trainer(options);
  std::vector<float> features(kFeatures, 1);
  uint32_t label = 2;
  CHECK(levit_head_loss(trainer, features.data(), &label, 1, nullptr, nullptr) == LEVIT_CLASS);
  label = 1;
  CHECK(levit_head_loss(trainer, features.data(), &label, 0, nullptr, nullptr) == LEVIT_ARGUMENT);
  features[7] = NAN;
  CHECK(levit_head_loss(trainer, features.data(), &label, 1, nullptr, nullptr) == LEVIT_NUMBER);
  CHECK(levit_head_step(trainer, -1) == LEVIT_ARGUMENT);
  size_t bytes = 0;
  options.classes = 1;
  CHECK(levit_head_bytes(&options, &bytes) == LEVIT_ARGUMENT);
  options.classes = 2;
  options.label_smoothing = 1;
  CHECK(levit_head_bytes(&options, &bytes) == LEVIT_ARGUMENT);
}

TEST_CASE("a rate that makes the head infinite is called divergence, and an earlier head can be set again") {
  levit_head_options options = levit_default_head_options(2, 2);
  options.optimizer = LEVIT_SGD;
  const Trainer trainer(options);
  const float features[] = {1e30f, 1}, weight[4] = {}, bias[2] = {};
  const uint32_t label = 0;
  levit_status status = LEVIT_OK;
  for (int i = 0; i < 1000 && status == LEVIT_OK; ++i) {
    status = levit_head_gradient(trainer, features, &label, 1, nullptr, nullptr);
    if (status == LEVIT_OK) status = levit_head_step(trainer, 1e300);
  }
  CHECK(status == LEVIT_DIVERGED);
  CHECK(levit_head_set(trainer, weight, bias) == LEVIT_OK);
  CHECK(levit_head_loss(trainer, features, &label, 1, nullptr, nullptr) == LEVIT_OK);
}

TEST_CASE("pooled features are the same bits in any batch, on any threads, and give the model's logits") {
  const OpenModel model(Seed{"tiny"});
  const size_t features = model.info().dims[2];
  const std::vector<float> pictures = seeded_input(5);
  const OpenContext one(model, options_with(0));
  std::vector<float> alone(5 * features), together(5 * features);
  for (size_t i = 0; i < 5; ++i)
    REQUIRE(levit_features(one, {nullptr, pictures.data() + i * kPixels}, 1, &alone[i * features]) ==
            LEVIT_OK);
  for (const uint32_t threads : {1u, 2u, 3u}) {
    levit_options options = options_with(0, 5);
    options.threads = threads;
    options.parallel_for = [](void*, size_t count, levit_task task, void* task_context) {
      for (size_t i = 0; i < count; ++i) task(task_context, i, i);
    };
    const OpenContext batch(model, options);
    REQUIRE(levit_features(batch, {nullptr, pictures.data()}, 5, together.data()) == LEVIT_OK);
    CHECK(together == alone);
  }
  CHECK(levit_features(one, {nullptr, pictures.data()}, 2, alone.data()) == LEVIT_BATCH);
  CHECK(levit_features(one, {nullptr, pictures.data()}, 1, nullptr) == LEVIT_ARGUMENT);
}

TEST_CASE("a head in memory gives the logits of the file that is exported with it, bit for bit") {
  for (const weights::Type type : kTypes) {
    for (const uint32_t classes : {2u, 3u}) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(classes);
      const OpenModel model(Seed{"tiny", 2, 2, false, type});
      const Packed packed = seeded_head(model, classes);
      const std::vector<float> pictures = seeded_input(2);
      const levit_input input = {nullptr, pictures.data()};
      const OpenContext context(model, options_with(0, 2));
      const std::vector<float> own = logits_of(context, input, 2, 2);
      REQUIRE(levit_use_head(context, packed.head) == LEVIT_OK);
      const std::vector<float> logits = logits_of(context, input, 2, classes);
      levit_export_options options = export_options(packed.head, kLabels);
      options.note = "learned\nhere";
      const OpenModel learned(exported(model, options));
      CHECK(learned.info().classes == classes);
      CHECK(learned.info().note == std::string("learned\nhere"));
      CHECK(learned.info().name == std::string(model.info().name));
      CHECK(levit_label(learned, classes - 1) == std::string(kLabels[classes - 1]));
      const OpenContext file(learned, options_with(0, 2));
      CHECK(logits_of(file, input, 2, classes) == logits);
      REQUIRE(levit_use_head(context, nullptr) == LEVIT_OK);
      CHECK(logits_of(context, input, 2, 2) == own);
      // Exported once more, with nothing new, it is the same file.
      const levit_export_options same = export_options(nullptr, nullptr);
      CHECK(exported(learned, same) == exported(model, options));
    }
  }
}

TEST_CASE("an export without a new head is the file itself") {
  const std::vector<uint8_t> image = tools::write_levit(seeded_fold(Seed{"micro"}), weights::Type::kHalf);
  const OpenModel model(image);
  CHECK(exported(model, export_options(nullptr, nullptr)) == image);
}

TEST_CASE("a head or export that does not fit is refused") {
  const OpenModel model(Seed{"micro"});
  const OpenContext context(model, options_with(LEVIT_GRADIENT));
  const Packed three = seeded_head(model, 3), other({1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1, 1, 1}, {1, 2});
  CHECK(levit_use_head(context, three.head) == LEVIT_CLASS);
  CHECK(levit_use_head(context, other.head) == LEVIT_ARGUMENT);
  size_t bytes = 0;
  levit_export_options options = export_options(three.head, nullptr);
  CHECK(levit_export_bytes(model, &options, &bytes) == LEVIT_ARGUMENT);
  options = export_options(other.head, kLabels);
  CHECK(levit_export_bytes(model, &options, &bytes) == LEVIT_ARGUMENT);
  const char* const empty[] = {"cat", "", "bird"};
  options = export_options(three.head, empty);
  CHECK(levit_export_bytes(model, &options, &bytes) == LEVIT_STRINGS);
  options.label = kLabels;
  options.temperature = -1;
  CHECK(levit_export_bytes(model, &options, &bytes) == LEVIT_CONFIG);
  float weight[8] = {}, bias[2] = {0, INFINITY};
  AlignedBytes memory(Packed::bytes_of(4, 2));
  const levit_head* head = nullptr;
  CHECK(levit_head_pack(weight, bias, 4, 2, memory.data(), memory.size(), &head) == LEVIT_NUMBER);
  bias[1] = 0;
  CHECK(levit_head_pack(weight, bias, 4, 2, memory.data(), memory.size() - 1, &head) == LEVIT_ARENA);
  CHECK(levit_head_pack(weight, bias, 4, 2, memory.data(), memory.size(), &head) == LEVIT_OK);
}

TEST_CASE("gradients and maps go through a head in memory as through the file exported with it") {
  const OpenModel model(Seed{"tiny"});
  const Packed packed = seeded_head(model, 2);
  const OpenModel learned(exported(model, export_options(packed.head, kLabels)));
  const std::vector<float> picture = seeded_input();
  const float direction[] = {-1, 1};
  std::vector<float> gradient[2] = {std::vector<float>(kPixels), std::vector<float>(kPixels)};
  const OpenContext context(model, options_with(LEVIT_GRADIENT)), file(learned, options_with(LEVIT_GRADIENT));
  REQUIRE(levit_use_head(context, packed.head) == LEVIT_OK);
  REQUIRE(levit_gradient(context, {nullptr, picture.data()}, 1, direction, LEVIT_INPUT, gradient[0].data(),
                         nullptr, nullptr) == LEVIT_OK);
  REQUIRE(levit_gradient(file, {nullptr, picture.data()}, 1, direction, LEVIT_INPUT, gradient[1].data(),
                         nullptr, nullptr) == LEVIT_OK);
  CHECK(gradient[0] == gradient[1]);
}

TEST_CASE("a class map's cells add up to the logit, and it is HiResCAM of the last stage but for the bias") {
  for (const weights::Type type : kTypes) {
    const OpenModel model(Seed{"tiny", 2, 2, false, type});
    const OpenContext context(model, options_with(LEVIT_GRADIENT));
    const std::vector<float> picture = seeded_input();
    const levit_input input = {nullptr, picture.data()};
    float map[2][16], cam[2][16], logits[2];
    for (size_t k = 0; k < 2; ++k) {
      REQUIRE(levit_class_map(context, input, k, map[k], logits) == LEVIT_OK);
      double sum = 0;
      for (const float cell : map[k]) sum += static_cast<double>(cell);
      CHECK(relative(sum, static_cast<double>(logits[k])) < 1e-5);
      const float direction[] = {k == 0 ? 1.0f : 0.0f, k == 1 ? 1.0f : 0.0f};
      REQUIRE(levit_cam(context, input, direction, LEVIT_HIRESCAM, LEVIT_STAGE2, cam[k], nullptr) ==
              LEVIT_OK);
      for (size_t t = 1; t < 16; ++t)
        CHECK(static_cast<double>(map[k][t] - map[k][0]) ==
              doctest::Approx(static_cast<double>(cam[k][t] - cam[k][0])).epsilon(1e-3));
    }
    CHECK(levit_class_map(context, input, 2, map[0], logits) == LEVIT_CLASS);
  }
}

TEST_CASE("the schedule rises over the warm-up, starts at its base and ends near zero") {
  CHECK(levit_cosine_rate(2, 0, 4, 10) == 0.5);
  CHECK(levit_cosine_rate(2, 3, 4, 10) == 2);
  CHECK(levit_cosine_rate(2, 4, 4, 10) == doctest::Approx(2).epsilon(1e-15));
  CHECK(levit_cosine_rate(2, 7, 4, 10) == doctest::Approx(1).epsilon(1e-15));
  CHECK(levit_cosine_rate(2, 10, 4, 10) == 0);
  for (size_t step = 0; step <= 1000; ++step)
    CHECK(std::fabs(levit_cosine_rate(1, step, 0, 1000) -
                    (step == 1000 ? 0 : (1 + std::cos(M_PI * static_cast<double>(step) / 1000)) / 2)) <
          1e-15);
}

TEST_CASE("softmax of a head of any size is that of the model for its own classes") {
  const OpenModel model(Seed{"micro"});
  const std::vector<float> logits = {1, -2, 0.5f, 3};
  std::vector<float> own(4), any(4);
  REQUIRE(levit_probabilities(OpenContext(model, options_with(0)), logits.data(), 2, own.data()) == LEVIT_OK);
  REQUIRE(levit_softmax(logits.data(), 2, 2, 1, any.data()) == LEVIT_OK);
  CHECK(own == any);
  CHECK(levit_softmax(logits.data(), 2, 2, 0, any.data()) == LEVIT_ARGUMENT);
}

TEST_CASE("an epoch's order is a permutation that depends on the seed") {
  std::vector<uint32_t> order(1000), again(1000), sorted;
  levit_shuffle(3, 1000, order.data());
  levit_shuffle(3, 1000, again.data());
  CHECK(order == again);
  levit_shuffle(4, 1000, again.data());
  CHECK(order != again);
  sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t i = 0; i < 1000; ++i) CHECK(sorted[i] == i);
}

TEST_CASE("a head that is trained on scaled features is one for the features as they come") {
  const std::vector<float> features = load_npy("finetune/features.npy").values;
  const std::vector<uint32_t> labels = as_labels(load_npy("finetune/labels.npy").values);
  std::vector<float> mean(kFeatures), scale(kFeatures), scaled = features, larger = features;
  for (size_t i = 0; i < larger.size(); ++i) larger[i] = 1000 * larger[i] + 5;
  REQUIRE(levit_feature_scale(features.data(), kRows, kFeatures, mean.data(), scale.data()) == LEVIT_OK);
  for (size_t i = 0; i < scaled.size(); ++i)
    scaled[i] = (scaled[i] - mean[i % kFeatures]) * scale[i % kFeatures];
  const auto train = [&](const std::vector<float>& rows, bool scales) {
    levit_head_options options = levit_default_head_options(kFeatures, kClasses);
    if (scales) {
      REQUIRE(levit_feature_scale(rows.data(), kRows, kFeatures, mean.data(), scale.data()) == LEVIT_OK);
      options.mean = mean.data();
      options.scale = scale.data();
    }
    const Trainer trainer(options);
    double loss = 0;
    for (size_t step = 0; step < 50; ++step) {
      REQUIRE(levit_head_gradient(trainer, rows.data(), labels.data(), kRows, &loss, nullptr) == LEVIT_OK);
      REQUIRE(levit_head_step(trainer, 0.01) == LEVIT_OK);
    }
    // The head that is got scores the same rows alike in a trainer without scaling.
    std::vector<float> weight(kClasses * kFeatures), bias(kClasses);
    REQUIRE(levit_head_get(trainer, weight.data(), bias.data()) == LEVIT_OK);
    REQUIRE(levit_head_loss(trainer, rows.data(), labels.data(), kRows, &loss, nullptr) == LEVIT_OK);
    const Trainer plain(levit_default_head_options(kFeatures, kClasses));
    double plain_loss = 0;
    REQUIRE(levit_head_set(plain, weight.data(), bias.data()) == LEVIT_OK);
    REQUIRE(levit_head_loss(plain, rows.data(), labels.data(), kRows, &plain_loss, nullptr) == LEVIT_OK);
    CHECK(relative(plain_loss, loss) < 1e-3);
    REQUIRE(levit_head_set(trainer, weight.data(), bias.data()) == LEVIT_OK);
    REQUIRE(levit_head_loss(trainer, rows.data(), labels.data(), kRows, &plain_loss, nullptr) == LEVIT_OK);
    CHECK(relative(plain_loss, loss) < 1e-3);
    return loss;
  };
  const double expected = train(scaled, false);
  CHECK(relative(train(features, true), expected) < 1e-4);
  CHECK(relative(train(larger, true), expected) < 1e-2);
}

}  // namespace levit::tests
