// levit finetune: a new head for labelled pictures on the backbone of a weight file.
//
// The backbone runs once per picture and view; its features go to a cache file, which is the whole state of a
// run: training from them takes seconds and has one result, so a run that was killed goes on where the cache
// ends and gives the same bits.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "levit.hpp"
#include "tools/common/atomic_file.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/finetune/learning_set.h"

namespace levit::tools {
namespace {

constexpr size_t kNamedFailures = 20;  // unreadable pictures that are named one by one

struct Arguments {
  std::vector<std::string> data;
  std::string labels_csv, output, cache, model, target, name;
  std::string head = "linear", solver = "adamw", class_weights = "none";
  double held_out = 0.2;
  size_t threads = 0, batch = 16, views = 0;
  size_t megapixels = 100;
  bool no_cache = false, ignore_orientation = false, equalise = false, json = false;
  FitOptions fit;
};

// Wilson's 95 % interval of a share.
struct Share {
  double value = 0, low = 0, high = 0;
};
Share wilson(size_t hits, size_t count) {
  if (count == 0) return {0, 0, 1};
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n, z2 = kZ * kZ / n;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n)) / (1 + z2);
  return {p, middle - half, middle + half};
}

std::string percent(double share) {
  return fixed(100 * share, 2);
}

class Finetune {
 public:
  explicit Finetune(const Arguments& arguments)
      : arguments_(arguments),
        threads_(arguments.threads > 0 ? arguments.threads : machine_threads()),
        model_(find_model(arguments.model)) {}

  int run() {
    check_output();
    read_data();
    compute();
    if (interrupted()) return report_stop(dataset_.pictures.size() - table_.pictures.size());
    set_ = make_learning_set(dataset_, table_, arguments_.held_out);
    complain_of_data();
    fit();
    if (fit_.best_epoch == 0 && fit_.diverged)
      throw std::runtime_error("training diverged: the loss went from " + fixed(fit_.first_loss, 3) + " to " +
                               fixed(fit_.last_loss, 3) + "; try a smaller --rate. " + arguments_.output +
                               " is not written");
    if (fit_.best_epoch == 0) return report_stop(0);
    score_ = score_head(fit_.head, set_.held_out);
    write();
    print(arguments_.json ? json() : text());
    if (fit_.diverged)
      complain("training diverged after epoch " + std::to_string(fit_.epochs) + "; " + arguments_.output +
               " holds the head of epoch " + std::to_string(fit_.best_epoch) +
               ", the last good one; try a smaller --rate");
    if (fit_.interrupted) return kInterruptedExit;
    return fit_.diverged || set_.unreadable > 0 || !cache_failure_.empty() ? kFailedExit : 0;
  }

 private:
  // What would be found out only after the long part.
  void check_output() const {
    check_output_path(arguments_.output);
    if (arguments_.cache == arguments_.output && !arguments_.cache.empty())
      throw UsageError("--cache and --output name the same file");
  }

  void read_data() {
    if (arguments_.data.empty() && arguments_.labels_csv.empty())
      throw UsageError("no data: name a folder that has a folder for each label, or --labels-csv");
    dataset_ = read_dataset(arguments_.data, arguments_.labels_csv);
    std::vector<std::string> inputs = {arguments_.labels_csv};
    for (const LabelledPicture& picture : dataset_.pictures) inputs.push_back(picture.path);
    refuse_input_as_output(arguments_.output, inputs);
    if (dataset_.labels.size() < 2)
      throw std::runtime_error((arguments_.data.empty() ? arguments_.labels_csv : arguments_.data[0]) +
                               ": one class only (" + dataset_.labels[0] +
                               "); a head tells at least two apart");
    // The order of the base model, when the classes are its own.
    std::vector<std::string> own;
    for (size_t k = 0; k < model_.info().labels; ++k) own.emplace_back(model_.label(k));
    std::vector<std::string> sorted = own;
    std::sort(sorted.begin(), sorted.end());
    if (sorted == dataset_.labels) dataset_ = with_labels(std::move(dataset_), own);
  }

  void compute() {
    const size_t width = model_.info().dims[2];
    const std::string path = arguments_.cache.empty() ? arguments_.output + ".features" : arguments_.cache;
    const auto cache = arguments_.no_cache
                           ? std::make_unique<FeatureCache>(width)
                           : std::make_unique<FeatureCache>(path, width, model_.info().checksum);
    FeatureRun run;
    run.threads = threads_;
    run.batch = arguments_.batch;
    run.target = arguments_.target;
    run.view.resize = model_.info().resize;
    run.view.ignore_orientation = arguments_.ignore_orientation;
    run.largest_area = arguments_.megapixels * 1'000'000;
    run.view.equalise = arguments_.equalise;
    run.view.seed = arguments_.fit.seed;
    run.views = [this](uint64_t content) {
      std::vector<uint32_t> views;
      const bool plain = arguments_.views == 0 || is_held_out(content, arguments_.held_out);
      for (uint32_t v = plain ? 0 : 1; v <= (plain ? 0 : arguments_.views); ++v) views.push_back(v);
      return views;
    };
    table_ = compute_features(model_, dataset_, run, *cache);
    cache_failure_ = cache->failure();
    if (!cache_failure_.empty())
      complain(path + ": " + cache_failure_ + "; the features behind it are not kept for another run");
  }

  void complain_of_data() const {
    size_t named = 0;
    for (size_t i = 0; i < table_.pictures.size(); ++i) {
      if (table_.pictures[i].error.empty()) continue;
      if (named++ < kNamedFailures) complain(dataset_.pictures[i].path + ": " + table_.pictures[i].error);
    }
    if (named > kNamedFailures) complain("and " + std::to_string(named - kNamedFailures) + " more");
    if (named > 0) complain("skipped " + counted(named, "picture") + " that cannot be read");
    if (set_.in_two_classes > 0)
      complain("found " + counted(set_.in_two_classes, "picture") + " in another class too");
    if (arguments_.held_out > 0 && set_.held_out.count() == 0)
      complain("no picture is held out of " + std::to_string(set_.training.count()) +
               ": nothing says how good the head is on others");
  }

  void fit() {
    FitOptions options = arguments_.fit;
    options.classes = dataset_.labels.size();
    options.solver = arguments_.solver == "sgd"     ? Solver::kSgd
                     : arguments_.solver == "lbfgs" ? Solver::kLbfgs
                                                    : Solver::kAdamW;
    if (arguments_.class_weights == "balanced") options.class_weights = balanced_weights(set_.trained_by);
    ThreadPool pool(threads_);
    const auto start = std::chrono::steady_clock::now();
    fit_ = fit_head(set_.training, set_.held_out, options, pool);
    fit_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void write() const {
    const size_t classes = dataset_.labels.size(), width = table_.width;
    size_t bytes = 0;
    check(levit_head_pack_bytes(width, classes, &bytes));
    Memory memory(bytes);
    levit_export_options options{};
    options.size = sizeof options;
    check(levit_head_pack(fit_.head.weight.data(), fit_.head.bias.data(), width, classes, memory.data(),
                          bytes, &options.head));
    std::vector<const char*> labels;
    for (const std::string& label : dataset_.labels) labels.push_back(label.c_str());
    const std::string note = this->note();
    options.label = labels.data();
    options.note = note.c_str();
    options.name = arguments_.name.empty() ? nullptr : arguments_.name.c_str();
    check(levit_export_bytes(model_.model(), &options, &bytes));
    std::vector<uint8_t> image(bytes);
    check(levit_export(model_.model(), &options, image.data(), bytes));
    try {
      write_atomically(arguments_.output, image);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(arguments_.output + ": " + error.what());
    }
  }

  std::string classes_text() const {
    std::string text;
    for (size_t k = 0; k < dataset_.labels.size(); ++k)
      text += (k == 0 ? "" : ", ") + dataset_.labels[k] + " " +
              std::to_string(set_.trained_by[k] + set_.held_by[k]);
    return text;
  }

  std::string training_text() const {
    const FitOptions& fit = arguments_.fit;
    if (arguments_.solver == "lbfgs")
      return "lbfgs, C " + fixed(fit.inverse_penalty, 3) + ", " + counted(fit_.epochs, "iteration");
    return arguments_.solver + ", " + counted(fit_.epochs, "epoch") + ", the best " +
           std::to_string(fit_.best_epoch) + ", seed " + std::to_string(fit.seed);
  }

  std::string held_out_text() const {
    if (score_.count == 0) return "none";
    const Share share = wilson(score_.correct, score_.count);
    return counted(score_.count, "picture") + ", accuracy " + percent(share.value) + " % (" +
           percent(share.low) + " to " + percent(share.high) + "), loss " + fixed(score_.loss, 4);
  }

  // What stands in the file: one line for the head, then what the base says of itself.
  std::string note() const {
    std::string text =
        "Head (" + arguments_.head + ") trained by levit " + levit_version() + " on " +
        counted(table_.pictures.size() - set_.unreadable, "picture") + " (" + classes_text() +
        "): " + training_text() +
        (arguments_.views > 0 ? ", " + std::to_string(arguments_.views) + " augmented views" : "") +
        (arguments_.equalise ? ", equalised" : "") + ". Held out: " + held_out_text() +
        ".\nBackbone: " + model_.info().name;
    if (model_.info().note[0] != '\0') text += "\n" + std::string(model_.info().note);
    return text;
  }

  std::string text() const {
    const auto row = [](const char* name, const std::string& value) {
      return padded(name, 12) + value + "\n";
    };
    const size_t rows = table_.values.size() / table_.width;
    const std::string rate =
        table_.computed > 0
            ? " (" + fixed(static_cast<double>(table_.computed) / table_.seconds, 1) + " per second)"
            : "";
    return row("classes", classes_text()) +
           row("features", std::to_string(table_.computed) + " computed, " +
                               std::to_string(rows - table_.computed) + " from the cache, in " +
                               fixed(table_.seconds, 1) + " s" + rate) +
           row("head",
               arguments_.head + (arguments_.head == "conv" ? ": 1x1 convolution and average pooling" : "")) +
           row("training", training_text() + ", " + fixed(fit_seconds_, 1) + " s") +
           row("held out", held_out_text()) + row("written", arguments_.output);
  }

  std::string json() const {
    const Share share = wilson(score_.correct, score_.count);
    nlohmann::ordered_json json;
    json["output"] = arguments_.output;
    json["labels"] = dataset_.labels;
    json["pictures"] = table_.pictures.size() - set_.unreadable;
    json["unreadable"] = set_.unreadable;
    json["computed"] = table_.computed;
    json["feature_seconds"] = table_.seconds;
    json["training_seconds"] = fit_seconds_;
    json["epochs"] = fit_.epochs;
    json["best_epoch"] = fit_.best_epoch;
    json["loss"] = fit_.last_loss;
    json["held_out"] = {{"n", score_.count},
                        {"loss", score_.loss},
                        {"accuracy", {{"value", share.value}, {"low", share.low}, {"high", share.high}}}};
    json["diverged"] = fit_.diverged;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  const Arguments& arguments_;
  size_t threads_;
  ModelFile model_;
  Dataset dataset_;
  FeatureTable table_;
  std::string cache_failure_;
  LearningSet set_;
  HeadFit fit_;
  HeadScore score_;
  double fit_seconds_ = 0;
};

void add_training_flags(CLI::App& app, Arguments& arguments) {
  FitOptions& fit = arguments.fit;
  app.add_option("--head", arguments.head,
                 "linear, or conv: 1x1 convolution and average pooling, which is the same map")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"linear", "conv"}));
  app.add_option("--solver", arguments.solver,
                 "adamw, sgd (with momentum), or lbfgs: to the optimum of L2-regularised logistic regression")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"adamw", "sgd", "lbfgs"}));
  app.add_option("--val", arguments.held_out, "Share of the pictures that is held out, by hash of content")
      ->type_name("SHARE")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  app.add_option("--epochs", fit.epochs, "Rounds through the training pictures")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--patience", fit.patience, "Stop after so many epochs without a better held-out loss")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--rows", fit.batch, "Feature rows of one step")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--rate", fit.rate,
                 "Learning rate; else 0.001 for adamw, 0.01 for sgd; falls along a half cosine")
      ->type_name("R")
      ->check(CLI::PositiveNumber);
  app.add_option("--warmup", fit.warmup, "Epochs in which the rate rises")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--momentum", fit.momentum, "Momentum; adamw: of the first moment")
      ->type_name("M")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9999));
  app.add_option("--weight-decay", fit.weight_decay, "Weight decay; else 0.05 for adamw, 0.0001 for sgd")
      ->type_name("D")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--label-smoothing", fit.label_smoothing, "Share of every target that all classes share")
      ->type_name("E")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.99));
  app.add_option("--class-weights", arguments.class_weights,
                 "none, or balanced: every class counts as much as the others")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "balanced"}));
  app.add_option("--inverse-penalty", fit.inverse_penalty, "lbfgs: C of scikit-learn's LogisticRegression")
      ->type_name("C")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", fit.seed, "Seed of the order of pictures and of augmented views")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0ll, 4294967295ll));
}

}  // namespace

Command add_finetune(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("finetune", "Teach a model classes of your own from labelled pictures");
  auto arguments = std::make_shared<Arguments>();
  app->add_option("data", arguments->data, "Folders that have a folder for each label, as in ai/ and real/")
      ->type_name("DATA");
  app->add_option("--labels-csv", arguments->labels_csv,
                  "Lines \"path,label\" instead of folders that are labels")
      ->type_name("FILE");
  app->add_option("-o,--output", arguments->output, "Weight file to write")->type_name("FILE")->required();
  CLI::Option* cache = app->add_option("--cache", arguments->cache, "File of features; else OUTPUT.features")
                           ->type_name("FILE");
  app->add_flag("--no-cache", arguments->no_cache, "Keep no features for the next run")->excludes(cache);
  app->add_option("--name", arguments->name, "Name of the model; else the base's")->type_name("TEXT");
  add_training_flags(*app, *arguments);
  app->add_option(
         "--views", arguments->views,
         "Augmented views of each training picture instead of the picture: random crop, flip, colours, JPEG, "
         "scaling, blur, noise")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  app->add_flag(
      "--equalise", arguments->equalise,
      "Send every picture through one size and one JPEG quality first, so that neither gives a class away");
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_max_megapixels_flag(*app, arguments->megapixels);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_batch_flag(*app, arguments->batch);
  add_target_flag(*app, arguments->target);
  app->add_flag("--json", arguments->json, "The report as one JSON object");
  app->footer(
      "The backbone stays as it is. A run that was stopped goes on where its features end.\n"
      "Examples: levit finetune pictures/ -o mine.levit\n"
      "          levit finetune pictures/ -o mine.levit --solver lbfgs --val 0.1");
  return {app, [arguments] { return Finetune(*arguments).run(); }};
}

}  // namespace levit::tools
