// The flags of --train, what they exclude, and what they mean to the library.
#include "tools/levit/train/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

constexpr size_t kDefaultEpochs = 10;
constexpr double kLargestRate = 1000;  // of levit_train_step
constexpr double kMostMinutes = 1e6;
constexpr uint32_t kShares = 4;  // parts that the sums of a step are made of: a constant, as bits are

// Flags that mean nothing to the other way of learning.
constexpr const char* kHeadOnly[] = {"--head",        "--rows",  "--inverse-penalty", "--cache",
                                     "--no-cache",    "--shard", "--familiarity",     "--familiarity-only",
                                     "--adversarial", "--merge", "--scaling"};
constexpr const char* kNetworkOnly[] = {"--data",    "--minutes", "--ema",    "--clip",       "--layer-decay",
                                        "--balance", "--log",     "--report", "--save-every", "--resume"};

std::string shown(double value) {
  return nlohmann::json(value).dump();
}

void add_learning_flags(CLI::App& app, TrainArguments& train) {
  app.add_option("--minutes", train.minutes,
                 "--train: learn for so long instead of --epochs; the rate then follows the clock, and so do "
                 "the bits")
      ->type_name("M")
      ->check(number_above_zero())
      ->excludes("--epochs", "--warmup");
  app.add_option(
         "--ema", train.mean,
         "--train: keep the exponential moving average of the weights with this decay, such as 0.999; "
         "it is what is measured and written")
      ->type_name("D")
      ->check(number_between(0.0, 0.999999));
  app.add_option("--clip", train.clip, "--train: scale gradients of a larger norm down to it; 0: none")
      ->type_name("NORM")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--layer-decay", train.layer_decay,
                 "--train: factor of the rate from each block to the one in front of it, such as 0.75")
      ->type_name("F")
      ->capture_default_str()
      ->check(number_between(0.01, 1.0));
  app.add_flag("--balance", train.balance, "--train: draw every class of a source equally often");
}

void add_file_flags(CLI::App& app, TrainArguments& train) {
  app.add_option("--log", train.log, "--train: a JSON line for every step and epoch")->type_name("FILE");
  app.add_option("--report", train.report, "--train: the curves as one HTML file, renewed every epoch")
      ->type_name("FILE");
  app.add_option("--save-every", train.save_every,
                 "--train: minutes between writes of OUTPUT.state, which Ctrl-C writes too")
      ->type_name("M")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_flag("--resume", train.resume,
               "--train: go on from OUTPUT.state, to the same bits; begin if there is none");
}

}  // namespace

void add_train_flags(CLI::App& app, TrainArguments& train) {
  CLI::Option* part =
      app.add_option("--train", train.part,
                     "Train the network itself: its head, from stage 2 or stage 1 on, or all of it")
          ->type_name("PART")
          ->check(CLI::IsMember({"head", "stage2", "stage1", "all"}));
  app.add_option("--data", train.sources,
                 "--train: a folder as DATA, and how often its pictures come beside those of the others; "
                 "several times")
      ->type_name("DIR[:WEIGHT]")
      ->excludes("data", "--labels-csv")
      ->allow_extra_args(false);
  add_learning_flags(app, train);
  add_file_flags(app, train);
  const auto note = [&app](const char* name, bool* given) {
    app.get_option(name)->each([given](const std::string&) { *given = true; });
  };
  note("--epochs", &train.epochs_given);
  note("--warmup", &train.warmup_given);
  for (const char* name : kNetworkOnly) app.get_option(name)->needs(part);
  for (const char* name : kHeadOnly)
    if (CLI::Option* const option = app.get_option_no_throw(name)) part->excludes(option);
}

TrainArguments train_arguments(const LearningArguments& shared, TrainArguments train) {
  static_cast<LearningArguments&>(train) = shared;
  if (train.solver == "lbfgs")
    throw UsageError("--solver lbfgs is for heads on cached features; --train has adamw and sgd");
  if (train.fit.rate > kLargestRate) throw UsageError("--rate is above 1000, where nothing learns");
  if (train.minutes > kMostMinutes) throw UsageError("--minutes is above 1000000, which are two years");
  if (train.balance && train.class_weights == "balanced")
    throw UsageError("--balance and --class-weights balanced do the same; give one of them");
  if (train.output.empty()) throw UsageError("--train needs -o, the weight file to write");
  if (!train.epochs_given) train.fit.epochs = kDefaultEpochs;
  if (!train.warmup_given) train.fit.warmup = -1;
  return train;
}

levit_options context_options(const TrainArguments& arguments) {
  levit_options options = levit_default_options();
  options.target = chosen_target(arguments.target);
  return options;
}

levit_train_options library_options(const TrainArguments& arguments,
                                    const std::vector<float>& class_weights) {
  levit_train_options options = levit_default_train_options();
  const std::string& part = arguments.part;
  options.part = part == "head"     ? LEVIT_TRAIN_HEAD
                 : part == "stage2" ? LEVIT_TRAIN_STAGE2
                 : part == "stage1" ? LEVIT_TRAIN_STAGE1
                                    : LEVIT_TRAIN_ALL;
  const bool sgd = arguments.solver == "sgd";
  options.batch = static_cast<uint32_t>(arguments.batch);
  options.shares = kShares;
  options.target = chosen_target(arguments.target);
  options.optimizer = sgd ? LEVIT_SGD : LEVIT_ADAMW;
  options.weight_decay = arguments.fit.weight_decay >= 0 ? arguments.fit.weight_decay : (sgd ? 1e-4 : 0.05);
  options.momentum = arguments.fit.momentum;
  options.label_smoothing = arguments.fit.label_smoothing;
  options.clip = arguments.clip;
  options.mean = arguments.mean;
  options.layer_decay = arguments.layer_decay;
  options.class_weights = class_weights.empty() ? nullptr : class_weights.data();
  return options;
}

double peak_rate(const TrainArguments& arguments) {
  if (arguments.fit.rate > 0) return arguments.fit.rate;
  const bool head = arguments.part == "head";
  if (arguments.solver == "sgd") return head ? 0.01 : 0.003;
  return head ? 1e-3 : 2e-4;
}

double warmup_epochs(const TrainArguments& arguments) {
  if (arguments.fit.warmup >= 0) return arguments.fit.warmup;
  return std::min(1.0, static_cast<double>(arguments.fit.epochs) / 10);
}

std::vector<std::pair<std::string, std::string>> deciding_options(const TrainArguments& arguments,
                                                                  const std::vector<double>& source_weights,
                                                                  const std::string& target) {
  const levit_train_options library = library_options(arguments, {});
  std::string weights;
  for (const double weight : source_weights) weights += (weights.empty() ? "" : " ") + shown(weight);
  const auto flag = [](bool given) { return given ? "given" : "not given"; };
  return {{"--train", arguments.part},
          {"--target", target},
          {"--solver", arguments.solver},
          {"--batch", std::to_string(arguments.batch)},
          {"--epochs", arguments.minutes > 0 ? "not given" : std::to_string(arguments.fit.epochs)},
          {"--minutes", arguments.minutes > 0 ? shown(arguments.minutes) : "not given"},
          {"--rate", shown(peak_rate(arguments))},
          {"--warmup", arguments.minutes > 0 ? "not given" : shown(warmup_epochs(arguments))},
          {"--momentum", shown(library.momentum)},
          {"--weight-decay", shown(library.weight_decay)},
          {"--label-smoothing", shown(library.label_smoothing)},
          {"--class-weights", arguments.class_weights},
          {"--clip", shown(arguments.clip)},
          {"--ema", shown(arguments.mean)},
          {"--layer-decay", shown(arguments.layer_decay)},
          {"--balance", flag(arguments.balance)},
          {"--views", std::to_string(arguments.views)},
          {"--equalise", flag(arguments.equalise)},
          {"--ignore-orientation", flag(arguments.ignore_orientation)},
          {"--val", shown(arguments.held_out)},
          {"--patience", std::to_string(arguments.fit.patience)},
          {"--seed", std::to_string(arguments.fit.seed)},
          {"the weights of --data", weights}};
}

}  // namespace levit::tools
