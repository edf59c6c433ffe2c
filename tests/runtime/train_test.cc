// Training the whole network: against runs of PyTorch in float64, and what a step promises beside that.
#include "runtime/train.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/widen.h"
#include "tests/runtime/goldens.h"
#include "tests/support/parameters.h"
#include "tests/support/training.h"
#include "tools/common/thread_pool.h"

namespace levit::tests {
namespace {

using nlohmann::json;
using Tensors = std::map<std::string, std::vector<float>>;

Tensors tensors_of(const levit_model* model) {
  Tensors tensors;
  parameters_of(model).each(
      [&](const std::string& name, const std::vector<float>& values) { tensors[name] = values; });
  return tensors;
}

double norm_of(const std::vector<double>& values) {
  double squares = 0;
  for (const double v : values) squares += v * v;
  return std::sqrt(squares);
}

levit_train_options options_of(const json& run, uint32_t batch) {
  const std::vector<std::string> trained = run["trained"];
  levit_train_options options = train_options(batch);
  if (trained.front().rfind("stages.2", 0) == 0) options.part = LEVIT_TRAIN_STAGE2;
  if (trained.front().rfind("head", 0) == 0) options.part = LEVIT_TRAIN_HEAD;
  options.optimizer = run["optimizer"] == "sgd" ? LEVIT_SGD : LEVIT_ADAMW;
  options.label_smoothing = run["label_smoothing"];
  if (!run["clip"].is_null()) options.clip = run["clip"];
  if (!run["ema"].is_null()) options.mean = run["ema"];
  return options;
}

// A tensor moved as the golden's did: the length of its way, and 16 of its values. `steps`: the sum of the
// rates of AdamW, 0 of SGD.
void check_moved(const json& golden, const std::string& name, const std::vector<float>& start,
                 const std::vector<float>& end, double steps) {
  CAPTURE(name);
  const auto moved = golden["moved"].get<double>();
  const double tolerance = std::max(1e-4, 5 * golden["float32_error"].get<double>()) * moved;
  std::vector<double> change, sample;
  for (size_t i = 0; i < start.size(); ++i)
    change.push_back(static_cast<double>(end[i]) - static_cast<double>(start[i]));
  CHECK(std::abs(norm_of(change) - moved) <= tolerance);
  const std::vector<double> expected = golden["moved_values"];
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(change[i * change.size() / expected.size()] - expected[i]);
    // A bias of keys, whose gradient is zero but for rounding, of which AdamW makes steps as long as others.
    if (moved > 0 && steps > 0 && std::abs(expected[i]) < 1e-9)
      CHECK(error <= steps);
    else
      sample.push_back(error);
  }
  const double share = static_cast<double>(expected.size()) / static_cast<double>(change.size());
  // Weights are rounded as they are stored: half a unit of the last place of the largest, which a golden's
  // change has not.
  const double rounding = 0x1p-24 * norm_of({start.begin(), start.end()}) * std::sqrt(share);
  // AdamW divides by the root of the moment: one value whose gradients nearly cancel may carry the error of
  // the whole tensor, and did on AVX2. The others share it evenly.
  std::sort(sample.begin(), sample.end());
  CHECK(sample.back() <= tolerance + rounding);
  sample.pop_back();
  CHECK(norm_of(sample) <= tolerance * std::sqrt(share) + rounding);
}

// Mean of -log softmax(logits)[label].
double loss_of(const levit_model* model, const std::vector<float>& pictures,
               const std::vector<uint32_t>& labels) {
  const OpenContext context(model, options_with(0, static_cast<uint32_t>(labels.size())));
  std::vector<float> logits(2 * labels.size());
  REQUIRE(levit_classify(context, {nullptr, pictures.data()}, labels.size(), logits.data()) == LEVIT_OK);
  double loss = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto other = static_cast<double>(logits[2 * i + 1 - labels[i]]);
    const auto own = static_cast<double>(logits[2 * i + labels[i]]);
    loss += std::log1p(std::exp(other - own)) / static_cast<double>(labels.size());
  }
  return loss;
}

void check_run(const std::string& name, const char* target) {
  CAPTURE(name);
  CAPTURE(target);
  const json goldens = load_json("train/runs.json");
  const json& run = goldens["runs"][name];
  const uint32_t batch = goldens["batch"];
  const OpenModel model(Seed{"tiny", 2, 2, true});
  const Tensors start = tensors_of(model);
  levit_train_options options = options_of(run, batch);
  options.target = target;
  const OpenTrainer trainer(model, options);
  const size_t steps = goldens["steps"];
  double loss = 0, norm = 0, rates = 0;
  for (size_t step = 0; step < steps; ++step) {
    rates += run["rates"][step].get<double>();
    CAPTURE(step);
    const std::vector<float> pictures = seeded_input(batch, "train" + std::to_string(step));
    const std::vector<uint32_t> labels = goldens["labels"][step];
    REQUIRE(levit_train_step(trainer, {nullptr, pictures.data()}, labels.data(), batch, run["rates"][step],
                             &loss, &norm, nullptr) == LEVIT_OK);
    CHECK(std::abs(loss - run["losses"][step].get<double>()) < 1e-6);
    const auto golden_norm = run["gradient_norms"][step].get<double>();
    CHECK(std::abs(norm - golden_norm) < 1e-4 * golden_norm);
  }
  CHECK(levit_train_steps(trainer) == steps);
  const std::vector<float> pictures = seeded_input(batch, "train0");
  const std::vector<uint32_t> labels = goldens["labels"][0];
  CHECK(std::abs(loss_of(levit_train_model(trainer), pictures, labels) -
                 run["loss_on_first_batch_after"].get<double>()) < 1e-6);
  if (!run["ema"].is_null()) REQUIRE(levit_train_use_mean(trainer, 1) == LEVIT_OK);
  for (const auto& [tensor, end] : tensors_of(levit_train_model(trainer)))
    check_moved(run["tensors"].at(tensor), tensor, start.at(tensor), end,
                options.optimizer == LEVIT_ADAMW ? rates : 0);
}

void check_run(const std::string& name) {
  for (size_t i = 0; levit_target_name(i) != nullptr; ++i) check_run(name, levit_target_name(i));
}

// Steps over seeded pictures, the first of them number `from`.
void run_steps(const OpenTrainer& trainer, uint32_t count, size_t from, size_t to) {
  for (size_t step = from; step < to; ++step) {
    const std::vector<float> pictures = seeded_input(count, "step" + std::to_string(step));
    std::vector<uint32_t> labels;
    for (uint32_t i = 0; i < count; ++i) labels.push_back(static_cast<uint32_t>((step * 5 + i * 3) / 2 % 2));
    REQUIRE(levit_train_step(trainer, {nullptr, pictures.data()}, labels.data(), count, 1e-3, nullptr,
                             nullptr, nullptr) == LEVIT_OK);
  }
}

}  // namespace

TEST_CASE("training by AdamW goes as in PyTorch's float64") {
  check_run("adamw");
}

TEST_CASE("so it does with clipping and label smoothing") {
  check_run("adamw_clip_smooth");
}

TEST_CASE("so does the mean of the weights") {
  check_run("adamw_ema");
}

TEST_CASE("training by SGD with momentum and clipping goes as in PyTorch's float64") {
  check_run("sgd");
}

TEST_CASE("training from stage 2 on goes as in PyTorch's float64, and what is in front of it stays") {
  check_run("adamw_stage2_and_head");
}

TEST_CASE("training the head alone goes as in PyTorch's float64, and all the rest stays") {
  check_run("adamw_head");
}

TEST_CASE("no number of threads changes a bit of a step, nor does where the memory came from") {
  const OpenModel model(Seed{"micro"});
  for (const levit_train_part part :
       {LEVIT_TRAIN_HEAD, LEVIT_TRAIN_STAGE2, LEVIT_TRAIN_STAGE1, LEVIT_TRAIN_ALL}) {
    CAPTURE(part);
    for (const uint32_t count : {1u, 3u, 7u}) {
      CAPTURE(count);
      levit_train_options options = train_options(7, part);
      options.mean = 0.9;
      options.clip = 0.5;
      const OpenTrainer alone(model, options);
      run_steps(alone, count, 0, 2);
      for (const uint32_t threads : {2u, 3u, 5u}) {
        CAPTURE(threads);
        tools::ThreadPool pool(threads);
        options.threads = static_cast<uint32_t>(pool.threads());
        options.parallel_for = tools::ThreadPool::parallel_for;
        options.parallel_context = &pool;
        const OpenTrainer together(model, options, 0xff);
        run_steps(together, count, 0, 2);
        CHECK(together.state() == alone.state());
      }
    }
  }
}

TEST_CASE("a run that goes on from its state after any step ends with the same bits") {
  const OpenModel model(Seed{"micro"});
  for (const levit_optimizer optimizer : {LEVIT_ADAMW, LEVIT_SGD}) {
    levit_train_options options = train_options(3);
    options.optimizer = optimizer;
    options.mean = 0.5;
    const OpenTrainer whole(model, options);
    std::vector<std::vector<uint8_t>> states = {whole.state()};
    for (size_t step = 0; step < 4; ++step) {
      run_steps(whole, 3, step, step + 1);
      states.push_back(whole.state());
    }
    for (size_t step = 0; step < 4; ++step) {
      CAPTURE(step);
      const OpenTrainer rest(model, options, 0xff);
      REQUIRE(levit_train_restore(rest, states[step].data(), states[step].size()) == LEVIT_OK);
      CHECK(levit_train_steps(rest) == step);
      run_steps(rest, 3, step, 4);
      CHECK(rest.state() == states.back());
    }
  }
}

TEST_CASE("a state is taken whole, unharmed and by a trainer of its kind, or not at all") {
  const OpenModel model(Seed{"micro"}), other(Seed{"micro", 2, 1});
  const OpenTrainer trainer(model, train_options(2));
  run_steps(trainer, 2, 0, 1);
  const std::vector<uint8_t> state = trainer.state();
  const auto restore = [&](const OpenTrainer& to, const std::vector<uint8_t>& bytes) {
    const std::vector<uint8_t> before = to.state();
    const levit_status status = levit_train_restore(to, bytes.data(), bytes.size());
    if (status != LEVIT_OK) CHECK(to.state() == before);
    return status;
  };
  const auto changed = [&](size_t at) {
    std::vector<uint8_t> bytes = state;
    bytes[at] ^= 1;
    return bytes;
  };
  CHECK(restore(trainer, changed(0)) == LEVIT_MAGIC);
  CHECK(restore(trainer, changed(8)) == LEVIT_BYTE_ORDER);
  CHECK(restore(trainer, changed(12)) == LEVIT_VERSION);
  CHECK(restore(trainer, changed(state.size() / 2)) == LEVIT_CHECKSUM);
  CHECK(restore(trainer, {state.begin(), state.begin() + 4}) == LEVIT_MAGIC);
  CHECK(restore(trainer, {state.begin(), state.begin() + 40}) == LEVIT_TRUNCATED);
  CHECK(restore(trainer, {state.begin(), state.end() - 1}) == LEVIT_TRUNCATED);
  std::vector<uint8_t> longer = state;
  longer.push_back(0);
  CHECK(restore(trainer, longer) == LEVIT_TRAILING);
  CHECK(restore(OpenTrainer(other, train_options(2)), state) == LEVIT_TENSOR);
  CHECK(restore(OpenTrainer(model, train_options(2, LEVIT_TRAIN_STAGE1)), state) == LEVIT_CONFIG);
  levit_train_options sgd = train_options(2);
  sgd.optimizer = LEVIT_SGD;
  CHECK(restore(OpenTrainer(model, sgd), state) == LEVIT_CONFIG);
  const OpenTrainer fresh(model, train_options(5));
  CHECK(restore(fresh, state) == LEVIT_OK);
  CHECK(fresh.state() == state);
}

TEST_CASE("what does not learn costs no memory and does not move") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const size_t image = static_cast<size_t>(model.info().parameters) * sizeof(float);
  const auto bytes = [&](levit_train_part part) {
    return OpenTrainer::arena_bytes(model, train_options(4, part));
  };
  CHECK(bytes(LEVIT_TRAIN_HEAD) < image + 5000000);
  CHECK(bytes(LEVIT_TRAIN_STAGE2) < bytes(LEVIT_TRAIN_STAGE1));
  CHECK(bytes(LEVIT_TRAIN_STAGE1) < bytes(LEVIT_TRAIN_ALL));
  const OpenModel micro(Seed{"micro"});
  const OpenTrainer trainer(micro, train_options(2, LEVIT_TRAIN_STAGE1));
  run_steps(trainer, 2, 0, 2);
  const Tensors before = tensors_of(micro);
  for (const auto& tensor : tensors_of(levit_train_model(trainer))) {
    const std::string& name = tensor.first;
    CAPTURE(name);
    const bool learns = name.rfind("stem", 0) != 0 && name.rfind("stages.0", 0) != 0;
    CHECK((tensor.second != before.at(name)) == learns);
  }
}

TEST_CASE("a step that cannot be is refused and changes nothing") {
  const OpenModel model(Seed{"micro"});
  levit_train_options options = train_options(2);
  options.mean = 0.5;
  const OpenTrainer trainer(model, options);
  run_steps(trainer, 2, 0, 1);
  const std::vector<uint8_t> before = trainer.state();
  std::vector<float> pictures = seeded_input(3);
  const uint32_t labels[] = {0, 1, 1}, wrong[] = {0, 2};
  const auto step = [&](levit_input input, const uint32_t* of, size_t count, double rate) {
    return levit_train_step(trainer, input, of, count, rate, nullptr, nullptr, nullptr);
  };
  const levit_input input{nullptr, pictures.data()};
  CHECK(step(input, wrong, 2, 1e-3) == LEVIT_CLASS);
  CHECK(step(input, labels, 3, 1e-3) == LEVIT_BATCH);
  CHECK(step(input, labels, 0, 1e-3) == LEVIT_ARGUMENT);
  CHECK(step(input, nullptr, 2, 1e-3) == LEVIT_ARGUMENT);
  CHECK(step({nullptr, nullptr}, labels, 2, 1e-3) == LEVIT_ARGUMENT);
  for (const double rate : {-1e-3, 1001.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(step(input, labels, 2, rate) == LEVIT_ARGUMENT);
  REQUIRE(levit_train_use_mean(trainer, 1) == LEVIT_OK);
  CHECK(step(input, labels, 2, 1e-3) == LEVIT_FEATURE);
  const void* state = nullptr;
  size_t bytes = 0;
  CHECK(levit_train_state(trainer, &state, &bytes) == LEVIT_FEATURE);
  REQUIRE(levit_train_use_mean(trainer, 0) == LEVIT_OK);
  pictures[kPixels + 5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(step(input, labels, 2, 1e-3) == LEVIT_NUMBER);
  CHECK(trainer.state() == before);
}

TEST_CASE("training that diverges stops with the last state") {
  const OpenModel model(Seed{"micro"});
  levit_train_options options = train_options(2);
  options.optimizer = LEVIT_SGD;
  const OpenTrainer trainer(model, options);
  const std::vector<float> pictures = seeded_input(2);
  const uint32_t labels[] = {0, 1};
  levit_status status = LEVIT_OK;
  std::vector<uint8_t> before;
  double loss = 0, norm = 0;
  for (size_t step = 0; step < 50 && status == LEVIT_OK; ++step) {
    before = trainer.state();
    status = levit_train_step(trainer, {nullptr, pictures.data()}, labels, 2, 1000, &loss, &norm, nullptr);
  }
  CHECK(status == LEVIT_DIVERGED);
  CHECK(trainer.state() == before);
}

// Of fp16 bit for bit; int8 is multiplied by its scale at the end of a sum, or before.
TEST_CASE("a model in fp16 or int8 is widened: the trainer starts from what it says") {
  for (const weights::Type type : {weights::Type::kHalf, weights::Type::kInt8}) {
    CAPTURE(static_cast<int>(type));
    const OpenModel narrow(Seed{"micro", 2, 2, false, type});
    const OpenTrainer trainer(narrow, train_options(1));
    const levit_model* const wide = levit_train_model(trainer);
    levit_info info{};
    info.size = sizeof info;
    REQUIRE(levit_model_info(wide, &info) == LEVIT_OK);
    CHECK(info.dtype == LEVIT_F32);
    CHECK(info.name == std::string(narrow.info().name));
    CHECK(levit_label(wide, 1) == std::string(levit_label(narrow, 1)));
    const levit_model* opened = nullptr;
    const auto bytes =
        static_cast<size_t>(runtime::widened_bytes(weights::view(narrow.get()), runtime::Spread::kDropped));
    CHECK(levit_open(wide, bytes, &opened) == LEVIT_OK);
    const std::vector<float> picture = seeded_input();
    const levit_input input = {nullptr, picture.data()};
    std::vector<float> a(2), b(2);
    REQUIRE(levit_classify(OpenContext(narrow, options_with(0)), input, 1, a.data()) == LEVIT_OK);
    REQUIRE(levit_classify(OpenContext(wide, options_with(0)), input, 1, b.data()) == LEVIT_OK);
    CHECK(relative_l2(a, b) <= (type == weights::Type::kHalf ? 0 : 1e-5));
  }
}

TEST_CASE("a trainer's model says nothing of the spread of other training pictures") {
  const OpenModel plain(Seed{"micro"});
  const size_t features = plain.info().dims[2];
  std::vector<float> whitening(features * features), mean(features), quantile(LEVIT_QUANTILES);
  for (size_t i = 0; i < features; ++i) whitening[i * features + i] = 1;
  for (size_t i = 0; i < quantile.size(); ++i) quantile[i] = static_cast<float>(i);
  const levit_training_spread spread = {sizeof spread, whitening.data(), mean.data(), 1, quantile.data()};
  levit_export_options options{};
  options.size = sizeof options;
  options.spread = &spread;
  size_t bytes = 0;
  REQUIRE(levit_export_bytes(plain, &options, &bytes) == LEVIT_OK);
  std::vector<uint8_t> image(bytes);
  REQUIRE(levit_export(plain, &options, image.data(), bytes) == LEVIT_OK);
  const OpenModel model(image);
  REQUIRE(model.info().familiarity == 1);
  const OpenTrainer trainer(model, train_options(1));
  const levit_model* opened = nullptr;
  const auto widened =
      static_cast<size_t>(runtime::widened_bytes(weights::view(model.get()), runtime::Spread::kDropped));
  CHECK(levit_open(levit_train_model(trainer), widened, &opened) == LEVIT_OK);
}

TEST_CASE("training the head through the network is training it on features") {
  const OpenModel model(Seed{"tiny"});
  constexpr uint32_t kCount = 6;
  const size_t features = model.info().dims[2];
  const std::vector<float> pictures = seeded_input(kCount),
                           weights_before = parameters_of(model).weight.back(),
                           bias_before = parameters_of(model).bias.back();
  const uint32_t labels[kCount] = {0, 1, 1, 0, 1, 0};
  const float class_weights[] = {0.5f, 2};
  levit_train_options options = train_options(kCount, LEVIT_TRAIN_HEAD);
  options.label_smoothing = 0.1;
  options.class_weights = class_weights;
  options.weight_decay = 0;  // the head's decay is of biases, too
  const OpenTrainer trainer(model, options);

  levit_head_options head_options = levit_default_head_options(features, 2);
  head_options.label_smoothing = 0.1;
  head_options.class_weights = class_weights;
  head_options.weight_decay = 0;
  size_t bytes = 0;
  REQUIRE(levit_head_bytes(&head_options, &bytes) == LEVIT_OK);
  AlignedBytes memory(bytes);
  levit_head_trainer* head = nullptr;
  REQUIRE(levit_head_create(&head_options, memory.data(), bytes, &head) == LEVIT_OK);
  REQUIRE(levit_head_set(head, weights_before.data(), bias_before.data()) == LEVIT_OK);
  std::vector<float> rows(kCount * features), weight(2 * features), bias(2);
  REQUIRE(levit_features(OpenContext(model, options_with(0, kCount)), {nullptr, pictures.data()}, kCount,
                         rows.data()) == LEVIT_OK);
  for (int step = 0; step < 20; ++step) {
    double loss = 0, head_loss = 0;
    size_t correct = 0, head_correct = 0;
    REQUIRE(levit_train_step(trainer, {nullptr, pictures.data()}, labels, kCount, 1e-2, &loss, nullptr,
                             &correct) == LEVIT_OK);
    REQUIRE(levit_head_gradient(head, rows.data(), labels, kCount, &head_loss, &head_correct) == LEVIT_OK);
    REQUIRE(levit_head_step(head, 1e-2) == LEVIT_OK);
    CHECK(std::abs(loss - head_loss) < 1e-5);
    CHECK(correct == head_correct);
  }
  REQUIRE(levit_head_get(head, weight.data(), bias.data()) == LEVIT_OK);
  const Parameters trained = parameters_of(levit_train_model(trainer));
  for (size_t i = 0; i < weight.size(); ++i) CHECK(std::abs(trained.weight.back()[i] - weight[i]) < 1e-5f);
  for (size_t i = 0; i < bias.size(); ++i) CHECK(std::abs(trained.bias.back()[i] - bias[i]) < 1e-5f);
}

TEST_CASE("layer decay slows a layer by its distance from the head") {
  const OpenModel model(Seed{"micro"});
  levit_train_options options = train_options(2);
  options.optimizer = LEVIT_SGD;
  options.weight_decay = 0;
  const OpenTrainer even(model, options);
  options.layer_decay = 0.5;
  const OpenTrainer decaying(model, options);
  run_steps(even, 2, 0, 1);
  run_steps(decaying, 2, 0, 1);
  const Tensors start = tensors_of(model), whole = tensors_of(levit_train_model(even)),
                some = tensors_of(levit_train_model(decaying));
  const auto moved = [&](const Tensors& to, const std::string& name) {
    std::vector<double> change;
    for (size_t i = 0; i < start.at(name).size(); ++i)
      change.push_back(static_cast<double>(to.at(name)[i]) - static_cast<double>(start.at(name)[i]));
    return norm_of(change);
  };
  const levit_info info = model.info();
  const uint32_t* const depth = info.depth;
  const double blocks = depth[0] + depth[1] + depth[2] + 2;
  const auto share = [&](const std::string& name) {
    return std::log2(moved(whole, name) / moved(some, name));
  };
  CHECK(share("head.weight") == doctest::Approx(0).epsilon(0.01));
  CHECK(share("stages.2.blocks." + std::to_string(depth[2] - 1) + ".mlp.ln2.weight") ==
        doctest::Approx(1).epsilon(0.01));
  CHECK(share("stages.2.downsample.mlp.ln2.weight") == doctest::Approx(depth[2] + 1).epsilon(0.01));
  CHECK(share("stages.0.blocks.0.mlp.ln2.weight") == doctest::Approx(blocks).epsilon(0.01));
  CHECK(share("stem.conv1.weight") == doctest::Approx(blocks + 1).epsilon(0.01));
}

TEST_CASE("options of a trainer are checked") {
  const OpenModel model(Seed{"micro"});
  const auto status = [&](const auto& change) {
    levit_train_options options = levit_default_train_options();
    change(options);
    size_t bytes = 0;
    return levit_train_bytes(model, &options, &bytes);
  };
  using O = levit_train_options;
  CHECK(status([](O&) {}) == LEVIT_OK);
  CHECK(status([](O& o) { o.size = 0; }) == LEVIT_STRUCT);
  CHECK(status([](O& o) { o.reserved = 1; }) == LEVIT_STRUCT);
  CHECK(status([](O& o) { o.batch = 0; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.shares = 0; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.shares = 65; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.threads = 2; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.target = "none"; }) == LEVIT_TARGET);
  CHECK(status([](O& o) { o.layer_decay = 0; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.mean = 1; }) == LEVIT_ARGUMENT);
  CHECK(status([](O& o) { o.clip = std::numeric_limits<double>::quiet_NaN(); }) == LEVIT_ARGUMENT);
  const float weights[] = {1, 0};
  CHECK(status([&](O& o) { o.class_weights = weights; }) == LEVIT_ARGUMENT);
  const OpenModel one(Seed{"micro", 1});
  const levit_train_options options = levit_default_train_options();
  size_t bytes = 0;
  CHECK(levit_train_bytes(one, &options, &bytes) == LEVIT_CLASS);
  REQUIRE(levit_train_bytes(model, &options, &bytes) == LEVIT_OK);
  AlignedBytes arena(bytes + 1);
  levit_trainer* trainer = nullptr;
  CHECK(levit_train_create(model, &options, arena.data(), bytes - 1, &trainer) == LEVIT_ARENA);
  CHECK(levit_train_create(model, &options, arena.data() + 1, bytes, &trainer) == LEVIT_ALIGNMENT);
}

}  // namespace levit::tests
