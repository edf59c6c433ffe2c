// levit bench --train: steps of training all parameters.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "levit.hpp"
#include "tools/common/model_file.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/thread_pool.h"
#include "tools/levit/bench/bench.h"
#include "tools/levit/commands.h"
#include "weights/reader.h"

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRate = 1e-5;  // small: a long run shall not diverge

// Multiply-adds of a step for one picture: every product of a layer forward, in the gradient of its input and
// in that of its weights, but for the gradient of the picture, which no step needs; those of attention
// forward and twice as many back.
double multiply_adds(const levit_model* model) {
  const weights::Config config = weights::view(model).config;
  double sum = 0;
  for (uint32_t i = 0; i < weights::layer_count(config); ++i) {
    const weights::Layer layer = weights::layer_at(config, i);
    const double side = layer.part == weights::Part::kStem   ? layer.grid / 2
                        : layer.part == weights::Part::kHead ? 1
                                                             : layer.grid;
    sum += side * side * layer.outputs * layer.depth * (i == 0 ? 2 : 3);
    if (layer.table == 0) continue;
    const bool downsamples = layer.part == weights::Part::kDownKv;
    const double query_side = downsamples ? weights::grid_side(config, layer.stage) : layer.grid;
    const double width =
        layer.outputs - (downsamples ? 0 : layer.heads * config.key);  // k and v of all heads
    sum += 3 * query_side * query_side * side * side * width;
  }
  return sum;
}

size_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

nlohmann::ordered_json bench_training(const BenchArguments& asked) {
  ThreadPool pool(asked.threads);
  BenchArguments arguments = asked;
  arguments.threads = pool.threads();
  const ModelFile file(find_model(arguments.model));
  if (file.info().classes < 2 && file.info().labels > 0)
    throw std::runtime_error(file.path() + ": a model of one logit; a training step needs two classes");
  levit_train_options options = levit_default_train_options();
  options.batch = static_cast<uint32_t>(arguments.batch);
  options.threads = static_cast<uint32_t>(arguments.threads);
  options.shares = std::max(options.shares, std::min<uint32_t>(options.threads, 64));
  options.target = chosen_target(arguments.target);
  if (arguments.threads > 1) {
    options.parallel_for = ThreadPool::parallel_for;
    options.parallel_context = &pool;
  }
  size_t bytes = 0;
  const levit_status status = levit_train_bytes(file.model(), &options, &bytes);
  if (status != LEVIT_OK) throw std::runtime_error(file.path() + ": " + levit_status_text(status));
  const Buffer arena(static_cast<uint8_t*>(allocate(bytes)));
  if (arena == nullptr) throw std::bad_alloc();
  levit_trainer* trainer = nullptr;
  check(levit_train_create(file.model(), &options, arena.get(), bytes, &trainer));
  const std::vector<float> pictures = bench_pictures(arguments.batch);
  std::vector<uint32_t> labels;
  for (uint32_t i = 0; i < options.batch; ++i) labels.push_back(i % 2);

  std::vector<double> times;
  Progress progress(static_cast<size_t>(std::ceil(arguments.seconds)), "seconds");
  auto start = Clock::now();
  bool warm = false;
  const auto seconds_since = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  do {
    if (!warm && seconds_since(start) >= kBenchWarmUp) {
      warm = true;
      times.clear();
      start = Clock::now();
    }
    const auto begin = Clock::now();
    check(levit_train_step(trainer, {nullptr, pictures.data()}, labels.data(), arguments.batch, kRate,
                           nullptr, nullptr, nullptr));
    times.push_back(seconds_since(begin));
    if (warm) progress.update(static_cast<size_t>(seconds_since(start)));
  } while ((!warm || seconds_since(start) < arguments.seconds) && !interrupted());

  const char* const target = arguments.target.empty() ? levit_target_name(0) : arguments.target.c_str();
  auto json =
      bench_report(arguments, target, "training step, all parameters", multiply_adds(file.model()), times);
  json["pictures_per_second"] = 1e3 / json["ms_per_image"].get<double>();
  json["bytes"] = bytes;
  json["peak_bytes"] = peak_bytes();
  json["model"] = file.path();
  json["runs"] = times.size();
  return json;
}

}  // namespace levit::tools
