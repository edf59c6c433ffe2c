#include "tools/levit/train/network.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "runtime/network.h"
#include "tools/common/input_file.h"
#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/finetune/head_file.h"

namespace levit::tools {
namespace {

constexpr size_t kValues = size_t{LEVIT_SIDE} * LEVIT_SIDE * 3;

size_t trainer_bytes(const levit_model* model, const levit_train_options& options) {
  size_t bytes = 0;
  check(levit_train_bytes(model, &options, &bytes));
  return bytes;
}

levit_train_options on_pool(levit_train_options options, ThreadPool& pool) {
  options.threads = static_cast<uint32_t>(pool.threads());
  options.parallel_for = pool.threads() > 1 ? ThreadPool::parallel_for : nullptr;
  options.parallel_context = &pool;
  return options;
}

// -log softmax(logits)[label], in float64.
double cross_entropy(const float* logits, size_t classes, uint32_t label) {
  const double largest = static_cast<double>(*std::max_element(logits, logits + classes));
  double sum = 0;
  for (size_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[label]);
}

// A thread's context and the pictures of a batch that it works on.
struct Scorer {
  Context context;
  std::vector<uint8_t> rgb;
  std::vector<size_t> indices;
};

struct PartScore {
  HeadScore score;
  std::vector<std::pair<size_t, std::string>> failures;
};

PartScore score_part(Scorer& scorer, const Examples& examples, size_t first, size_t count, size_t worker) {
  PartScore part;
  scorer.indices.clear();
  for (size_t index = first; index < first + count; ++index) {
    try {
      examples.sample(index, worker, scorer.rgb.data() + scorer.indices.size() * kValues);
      scorer.indices.push_back(index);
    } catch (const std::runtime_error& error) {
      part.failures.emplace_back(index, error.what());
    }
  }
  part.score.count = scorer.indices.size();
  if (scorer.indices.empty()) return part;
  const size_t classes = scorer.context.classes();
  const std::vector<float> logits =
      scorer.context.classify({scorer.rgb.data(), nullptr}, scorer.indices.size());
  for (size_t i = 0; i < scorer.indices.size(); ++i) {
    const float* const row = &logits[i * classes];
    const uint32_t label = examples.label(scorer.indices[i]);
    part.score.loss += cross_entropy(row, classes, label);
    part.score.correct += std::max_element(row, row + classes) == row + label ? 1 : 0;
  }
  return part;
}

}  // namespace

StartModel::StartModel(const ModelFile& base, const std::vector<std::string>& labels) : model_(base.model()) {
  const levit_info& info = base.info();
  const size_t classes = labels.size(), width = info.dims[2];
  bool same = info.labels == classes;
  for (size_t k = 0; k < classes && same; ++k) same = labels[k] == base.label(k);
  if (same && info.classes == classes) return;
  TrainedHead head;
  head.weight.resize(classes * width);
  head.bias.resize(classes);
  change_ = info.labels == 0 ? "has no classifier; its head begins with zeros"
                             : "has other classes than the data; its head is replaced by one of zeros";
  knows_classes_ = same;
  if (same) {  // one logit: softmax of -z / 2 and z / 2 is its sigmoid
    change_ = "has one logit; its head becomes one of two classes with the same probabilities";
    const runtime::Linear logit = runtime::model_head(weights::view(base.model()));
    for (size_t k = 0; k < classes; ++k) {
      const float half = k == 0 ? -0.5f : 0.5f;
      for (size_t f = 0; f < width; ++f)
        head.weight[k * width + f] = half * kernels::weight_at(logit.w, 0, f);
      head.bias[k] = half * logit.bias[0];
    }
  }
  image_.emplace(in_memory(file_with_head(base.model(), head, labels, {})));
  model_ = open(image_->data(), image_->bytes());
}

NetworkTrainer::NetworkTrainer(const levit_model* model, const levit_train_options& options, ThreadPool& pool)
    : options_(on_pool(options, pool)), arena_(trainer_bytes(model, options_)) {
  check(levit_train_create(model, &options_, arena_.data(), arena_.bytes(), &trainer_));
}

StepResult NetworkTrainer::step(const uint8_t* rgb, const std::vector<uint32_t>& labels, double rate) {
  StepResult result;
  result.status = levit_train_step(trainer_, {rgb, nullptr}, labels.data(), labels.size(), rate, &result.loss,
                                   &result.norm, &result.correct);
  if (result.status != LEVIT_DIVERGED) check(result.status);
  return result;
}

NetworkTrainer::UseMean::UseMean(NetworkTrainer& network) : network_(network) {
  if (network_.options_.mean > 0) check(levit_train_use_mean(network_.trainer_, 1));
}

NetworkTrainer::UseMean::~UseMean() {
  if (network_.options_.mean > 0) levit_train_use_mean(network_.trainer_, 0);
}

std::string_view NetworkTrainer::state() {
  const void* state = nullptr;
  size_t bytes = 0;
  check(levit_train_state(trainer_, &state, &bytes));
  return {static_cast<const char*>(state), bytes};
}

void NetworkTrainer::restore(std::string_view state) {
  check(levit_train_restore(trainer_, state.data(), state.size()));
}

std::vector<uint8_t> exported(const levit_model* model, const std::string& name, const std::string& note) {
  levit_export_options options{};
  options.name = name.c_str();
  options.note = note.c_str();
  return exported_file(model, options);
}

HeadScore score_network(const levit_model* model, const Examples& examples, const char* target, size_t batch,
                        ThreadPool& pool) {
  const size_t parts = (examples.count + batch - 1) / batch;
  levit_options options = levit_default_options();
  options.batch = static_cast<uint32_t>(batch);
  options.target = target;
  std::vector<std::unique_ptr<Scorer>> scorers(pool.threads());
  std::vector<PartScore> slots(4 * pool.threads());
  Progress progress(examples.count, "held-out pictures");
  HeadScore score;
  OrderedRun run{parts, slots.size(), {}, {}, interrupted};
  run.work = [&](size_t part, size_t slot, size_t worker) {
    const size_t first = part * batch;
    if (!scorers[worker])
      scorers[worker] = std::make_unique<Scorer>(
          Scorer{Context(model, options), std::vector<uint8_t>(batch * kValues), {}});
    slots[slot] =
        score_part(*scorers[worker], examples, first, std::min(batch, examples.count - first), worker);
  };
  run.emit = [&](size_t part, size_t slot) {
    score.loss += slots[slot].score.loss;
    score.correct += slots[slot].score.correct;
    score.count += slots[slot].score.count;
    for (const auto& [index, cause] : slots[slot].failures) examples.failed(index, cause);
    progress.update(std::min(examples.count, (part + 1) * batch));
  };
  if (run_ordered(pool, run) < parts) throw Interrupted();
  if (score.count > 0) score.loss /= static_cast<double>(score.count);
  return score;
}

}  // namespace levit::tools
