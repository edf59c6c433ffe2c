// levit bench: how fast the network runs here, as a whole and by layer, and how near that is to what the core
// can do.
#include "tools/levit/bench/bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "levit.hpp"
#include "runtime/context.h"
#include "tools/common/fma_peak.h"
#include "tools/common/model_file.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/common/thread_pool.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Time and work of the layers, by name in the order of the pass.
struct Layers {
  struct Sum {
    double seconds = 0, multiply_adds = 0;
  };
  std::vector<std::string> names;
  std::map<std::string, Sum> sums;
  size_t pictures = 0;  // with a picture for every thread, those of the first thread
  Clock::time_point last;

  static void after(void* self, const runtime::Event& event) {
    auto* layers = static_cast<Layers*>(self);
    std::string name = event.name;
    if (name != "stem" && name != "head")
      name = "stage" + std::to_string(event.stage) + (event.downsample ? " down " : " ") + name;
    if (event.backward) name = "vjp " + name;
    if (name == "stem") layers->pictures += event.pictures;
    if (layers->sums.count(name) == 0) layers->names.push_back(name);
    Sum& sum = layers->sums[name];
    const auto now = Clock::now();
    sum.seconds += std::chrono::duration<double>(now - layers->last).count();
    sum.multiply_adds += static_cast<double>(event.multiply_adds);
    layers->last = now;
  }

  double multiply_adds_per_picture() const {
    double all = 0;
    for (const auto& [name, sum] : sums) all += sum.multiply_adds;
    return all / static_cast<double>(pictures);
  }
};

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

class Bench {
 public:
  explicit Bench(const BenchArguments& arguments)
      : pool_(arguments.threads),
        arguments_(with_threads(arguments, pool_.threads())),
        file_(find_model(arguments.model)),
        context_(file_.model(), options(arguments_, pool_, arguments.gradient)),
        input_(bench_pictures(arguments.batch)),
        logits_(arguments.batch * (file_.info().labels == 0 ? file_.info().dims[2] : context_.classes())),
        direction_(arguments.batch * context_.classes()),
        gradient_(arguments.gradient ? input_.size() : 0) {
    for (size_t i = 0; i < direction_.size(); i += context_.classes()) direction_[i] = 1;
    if (arguments.gradient && file_.info().labels == 0)
      throw std::runtime_error(file_.path() + ": " + levit_status_text(LEVIT_NO_HEAD));
    if (arguments.gradient) forward_.emplace(file_.model(), options(arguments_, pool_, false));
  }

  Json run() {
    check_results();
    Layers layers;
    const runtime::Observer observer{Layers::after, &layers};
    runtime::observe(context_.get(), &observer);
    pass();
    const double multiply_adds = layers.multiply_adds_per_picture();
    if (!arguments_.layers) runtime::observe(context_.get(), nullptr);
    for (const auto start = Clock::now(); seconds_since(start) < kBenchWarmUp;) pass();
    layers = {};
    std::vector<double> times, forward_times;
    Progress progress(static_cast<size_t>(std::ceil(arguments_.seconds)), "seconds");
    const auto start = Clock::now();
    do {
      if (forward_) {  // beside it, since the clock rate of a shared machine changes
        forward(*forward_);
        const auto begin = Clock::now();
        forward(*forward_);
        forward_times.push_back(seconds_since(begin));
      }
      const auto begin = layers.last = Clock::now();
      pass();
      times.push_back(seconds_since(begin));
      progress.update(static_cast<size_t>(seconds_since(start)));
    } while (seconds_since(start) < arguments_.seconds && !interrupted());
    Json json =
        bench_report(arguments_, context_.target(),
                     arguments_.gradient ? "forward and input gradient" : "forward", multiply_adds, times);
    json["arena_bytes"] = arena_bytes(file_.model(), options(arguments_, pool_, arguments_.gradient));
    json["model"] = file_.path();
    json["runs"] = times.size();
    if (forward_) json["times_forward"] = median(times) / median(forward_times);
    if (arguments_.layers) {
      const bool together = layers.pictures == times.size() * arguments_.batch;
      json["layer_threads"] = together ? arguments_.threads : 1;
      json["layers"] = layer_list(layers, json);
    }
    return json;
  }

 private:
  static BenchArguments with_threads(BenchArguments arguments, size_t threads) {
    arguments.threads = threads;
    return arguments;
  }

  static levit_options options(const BenchArguments& arguments, ThreadPool& pool, bool gradient) {
    levit_options options = levit_default_options();
    options.features = gradient ? LEVIT_GRADIENT : 0;
    options.batch = static_cast<uint32_t>(arguments.batch);
    options.threads = static_cast<uint32_t>(arguments.threads);
    options.target = chosen_target(arguments.target);
    if (arguments.threads > 1) {
      options.parallel_for = ThreadPool::parallel_for;
      options.parallel_context = &pool;
    }
    return options;
  }

  // Of a model without classifier up to what a head would see.
  void forward(Context& context) {
    if (file_.info().labels == 0) {
      check(levit_features(context.get(), {nullptr, input_.data()}, arguments_.batch, logits_.data()));
      return;
    }
    check(levit_classify(context.get(), {nullptr, input_.data()}, arguments_.batch, logits_.data()));
  }

  void pass() {
    if (!arguments_.gradient) return forward(context_);
    check(levit_gradient(context_.get(), {nullptr, input_.data()}, arguments_.batch, direction_.data(),
                         LEVIT_INPUT, gradient_.data(), nullptr, logits_.data()));
  }

  // What is not right is not timed: results are finite and the same on every run.
  void check_results() {
    pass();
    const std::vector<float> logits = logits_, gradient = gradient_;
    const auto finite = [](float value) { return std::isfinite(value); };
    if (!std::all_of(logits.begin(), logits.end(), finite) ||
        !std::all_of(gradient.begin(), gradient.end(), finite))
      throw std::runtime_error("the network's results are not finite");
    pass();
    if (logits != logits_ || gradient != gradient_) throw std::runtime_error("two runs gave two results");
  }

  Json layer_list(const Layers& layers, const Json& whole) const {
    double all = 0;
    for (const auto& [name, sum] : layers.sums) all += sum.seconds;
    const auto pictures = static_cast<double>(layers.pictures);
    const double peak = whole["peak_gflops"].get<double>() / static_cast<double>(arguments_.threads) *
                        whole["layer_threads"].get<double>();
    Json list = Json::array();
    for (const std::string& name : layers.names) {
      const Layers::Sum& sum = layers.sums.at(name);
      list.push_back({{"name", name},
                      {"ms_per_image", 1e3 * sum.seconds / pictures},
                      {"share_of_time", sum.seconds / all},
                      {"multiply_adds", sum.multiply_adds / pictures},
                      {"share_of_peak", 2e-9 * sum.multiply_adds / sum.seconds / peak}});
    }
    return list;
  }

  ThreadPool pool_;
  const BenchArguments arguments_;  // with the threads that the system grants
  ModelFile file_;
  Context context_;
  std::optional<Context> forward_;                            // beside gradients
  std::vector<float> input_, logits_, direction_, gradient_;  // logits: or the features of forward()
};

std::string number(const Json& value, int decimals) {
  return fixed(value.get<double>(), decimals);
}

// Rows of a name and numbers in columns no wider than they must be, so that a narrow terminal shows them.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    text += padded(row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) text += std::string(2 + widths[i] - row[i].size(), ' ') + row[i];
    text += "\n";
  }
  return text;
}

std::string table(const Json& json) {
  std::string text = number(json["ms_per_image"], 3) + " ms per image (median of " + json["runs"].dump() +
                     " runs, least " + number(json["ms_min"], 3) + ")\n" + json["pass"].get<std::string>() +
                     ", batch " + json["batch"].dump() + ", threads " + json["threads"].dump() + ", " +
                     json["target"].get<std::string>() + "\n" + number(json["gflops"], 1) + " GFLOP/s, " +
                     fixed(100 * json["share_of_peak"].get<double>(), 1) + " % of the measured peak of " +
                     number(json["peak_gflops"], 1) + "\n";
  if (json.contains("times_forward"))
    text += number(json["times_forward"], 2) + " times as long as a forward pass\n";
  if (json.contains("pictures_per_second"))
    text += number(json["pictures_per_second"], 1) + " pictures a second; the trainer has " +
            fixed(1e-6 * json["bytes"].get<double>(), 1) + " MB, the program at most " +
            fixed(1e-6 * json["peak_bytes"].get<double>(), 1) + "\n";
  if (!json.contains("layers")) return text;
  std::vector<std::vector<std::string>> rows = {{"layer", "ms", "time", "Mmul-add", "of peak"}};
  for (const Json& layer : json["layers"])
    rows.push_back({layer["name"], number(layer["ms_per_image"], 4),
                    fixed(100 * layer["share_of_time"].get<double>(), 1) + " %",
                    fixed(1e-6 * layer["multiply_adds"].get<double>(), 2),
                    fixed(100 * layer["share_of_peak"].get<double>(), 1) + " %"});
  return text + "\n" + columns(rows);
}

int run_bench(const BenchArguments& asked) {
  BenchArguments arguments = asked;
  if (arguments.threads == 0) arguments.threads = machine_threads();
  const Json json = arguments.train ? bench_training(arguments) : Bench(arguments).run();
  print(arguments.json ? json.dump() + "\n" : table(json));
  return interrupted() ? kInterruptedExit : 0;
}

}  // namespace

// splitmix64, spread over [-2, 2).
std::vector<float> bench_pictures(size_t count) {
  std::vector<float> values(count * 3 * LEVIT_SIDE * LEVIT_SIDE);
  uint64_t state = 1;
  for (float& value : values) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    value = static_cast<float>(z >> 40) / 4194304.0f - 2.0f;
  }
  return values;
}

Json bench_report(const BenchArguments& arguments, const char* target, const char* pass, double multiply_adds,
                  const std::vector<double>& times) {
  const double seconds = median(times), pictures = static_cast<double>(arguments.batch);
  const double peak = fma_peak(target) * static_cast<double>(arguments.threads);
  const double gflops = 2e-9 * multiply_adds * pictures / seconds;
  Json json;
  json["ms_per_image"] = 1e3 * seconds / pictures;
  json["ms_min"] = 1e3 * *std::min_element(times.begin(), times.end()) / pictures;
  json["threads"] = arguments.threads;
  json["batch"] = arguments.batch;
  json["target"] = target;
  json["pass"] = pass;
  json["multiply_adds"] = multiply_adds;
  json["gflops"] = gflops;
  json["peak_gflops"] = peak;
  json["share_of_peak"] = gflops / peak;
  return json;
}

Command add_bench(CLI::App& program) {
  CLI::App* app = program.add_subcommand("bench", "How fast the network runs here");
  auto arguments = std::make_shared<BenchArguments>();
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_batch_flag(*app, arguments->batch);
  app->add_option("--seconds", arguments->seconds, "How long to measure")
      ->type_name("S")
      ->capture_default_str()
      ->check(number_between(0.0, 86400.0));
  add_target_flag(*app, arguments->target);
  CLI::Option* gradient = app->add_flag("--gradient", arguments->gradient,
                                        "Forward pass and the gradient with respect to the picture");
  CLI::Option* layers = app->add_flag("--layers", arguments->layers, "Also each layer");
  app->add_flag("--train", arguments->train, "Steps of training all parameters, with AdamW")
      ->excludes(gradient, layers);
  app->add_flag("--json", arguments->json, "One JSON object");
  app->footer("Example: levit bench --threads 2 --layers");
  return {app, [arguments] { return run_bench(*arguments); }};
}

}  // namespace levit::tools
