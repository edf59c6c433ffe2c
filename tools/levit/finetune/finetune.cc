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
#include "tools/common/shard.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/attack/attacker.h"
#include "tools/levit/commands.h"
#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/finetune/adversarial.h"
#include "tools/levit/finetune/arguments.h"
#include "tools/levit/finetune/head_file.h"
#include "tools/levit/finetune/learning_set.h"
#include "tools/levit/finetune/spread.h"
#include "tools/levit/train/train.h"

namespace levit::tools {
namespace {

std::string percent(double share) {
  return fixed(100 * share, 2);
}

class Finetune {
 public:
  explicit Finetune(const FinetuneArguments& arguments)
      : arguments_(arguments),
        threads_(arguments.threads > 0 ? arguments.threads : machine_threads()),
        model_(find_model(arguments.model)) {}

  int run() {
    check_output();
    read_data();
    compute();
    if (interrupted()) return report_stop(dataset_.pictures.size() - table_.pictures.size());
    if (!arguments_.shard.empty()) return finish_shard();
    set_ = make_learning_set(dataset_, table_, held_out());
    complain_of_data();
    if (arguments_.familiarity || arguments_.familiarity_only) measure_spread();
    if (arguments_.familiarity_only) return finish_familiarity();
    fit();
    if (fit_.best_epoch == 0 && fit_.diverged)
      throw std::runtime_error("training diverged: the loss went from " + fixed(fit_.first_loss, 3) + " to " +
                               fixed(fit_.last_loss, 3) + "; try a smaller --rate. " + arguments_.output +
                               " is not written");
    if (fit_.best_epoch == 0) return report_stop(0);
    if (arguments_.adversarial && !harden()) return report_stop(0);
    score_ = score_head(fit_.head, set_.held_out);
    write_head();
    print(arguments_.json ? json() : text());
    if (after_.count > 0 && after_.robust() <= before_.robust())
      complain("the attacked pictures taught this head nothing: after " + attack_name() + " it is right on " +
               percent(after_.robust()) + " %, and was on " + percent(before_.robust()) +
               " % before; finetune without --adversarial keeps that one");
    if (fit_.diverged)
      complain("training diverged after epoch " + std::to_string(fit_.epochs) + "; " + arguments_.output +
               " holds the head of epoch " + std::to_string(fit_.best_epoch) +
               ", the last good one; try a smaller --rate");
    if (fit_.interrupted) return kInterruptedExit;
    return fit_.diverged || set_.unreadable > 0 || !cache_failure_.empty() ? kFailedExit : 0;
  }

 private:
  // With the head that is there nothing has to be held out.
  double held_out() const { return arguments_.familiarity_only ? 0 : arguments_.held_out; }

  // What would be found out only after the long part.
  void check_output() const {
    if (arguments_.output.empty() == arguments_.shard.empty())
      throw UsageError("name the weight file to write with -o, or a part of the pictures with --shard");
    if (arguments_.output.empty()) return;
    check_output_path(arguments_.output);
    if (arguments_.cache == arguments_.output && !arguments_.cache.empty())
      throw UsageError("--cache and --output name the same file");
  }

  void read_data() {
    if (arguments_.data.empty() && arguments_.labels_csv.empty())
      throw UsageError("no data: name a folder that has a folder for each label, or --labels-csv");
    dataset_ = read_dataset(arguments_.data, arguments_.labels_csv);
    std::vector<std::string> inputs = {arguments_.labels_csv, model_.path()};
    for (const LabelledPicture& picture : dataset_.pictures) inputs.push_back(picture.path);
    refuse_input_as_output(arguments_.output, inputs);
    if (!arguments_.shard.empty()) keep_shard();
    if (dataset_.labels.size() < 2 && !arguments_.familiarity_only)
      throw std::runtime_error((arguments_.data.empty() ? arguments_.labels_csv : arguments_.data[0]) +
                               ": one class only (" + dataset_.labels[0] +
                               "); a head tells at least two apart");
    dataset_ = in_order_of(model_, std::move(dataset_));
  }

  // The part of the pictures, in the order of their paths.
  void keep_shard() {
    std::vector<LabelledPicture>& all = dataset_.pictures;
    std::sort(all.begin(), all.end(),
              [](const LabelledPicture& a, const LabelledPicture& b) { return a.path < b.path; });
    const Shard shard = parse_shard(arguments_.shard);
    const auto at = [&all](size_t index) { return all.begin() + static_cast<long>(index); };
    all = std::vector<LabelledPicture>(at(shard.first(all.size())), at(shard.last(all.size())));
  }

  int finish_shard() const {
    size_t unreadable = 0;
    for (const PictureFeatures& picture : table_.pictures) unreadable += picture.error.empty() ? 0 : 1;
    complain_of_unreadable(dataset_, table_.pictures);
    print(row("features", features_text()) + row("written", arguments_.cache));
    return unreadable > 0 || !cache_failure_.empty() ? kFailedExit : 0;
  }

  ViewOptions view_options() const {
    return {model_.info().resize, arguments_.ignore_orientation, arguments_.equalise, arguments_.fit.seed};
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
    run.view = view_options();
    run.largest_area = arguments_.largest_area;
    run.views = [this](uint64_t content) {
      std::vector<uint32_t> views;
      const bool plain = arguments_.views == 0 || is_held_out(content, held_out());
      for (uint32_t v = plain ? 0 : 1; v <= (plain ? 0 : arguments_.views); ++v) views.push_back(v);
      return views;
    };
    for (const std::string& part : arguments_.merged) cache->add_file(part, model_.info().checksum);
    cache->flush();
    table_ = compute_features(model_, dataset_, run, *cache);
    cache_failure_ = cache->failure();
    if (!cache_failure_.empty())
      complain(path + ": " + cache_failure_ + "; the features behind it are not kept for another run");
  }

  void complain_of_data() const {
    complain_of_unreadable(dataset_, table_.pictures);
    if (set_.in_two_classes > 0)
      complain("found " + counted(set_.in_two_classes, "picture") + " in another class too");
    if (held_out() > 0 && set_.held_out.count() == 0)
      complain("no picture is held out of " + std::to_string(set_.training.count()) +
               ": nothing says how good the head is on others");
  }

  void fit() {
    const auto start = std::chrono::steady_clock::now();
    fit_ = train(set_.training, set_.held_out);
    fit_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  HeadFit train(const LabelledRows& training, const LabelledRows& held_out_rows) const {
    FitOptions options = arguments_.fit;
    options.classes = dataset_.labels.size();
    options.solver = arguments_.solver == "sgd"     ? Solver::kSgd
                     : arguments_.solver == "lbfgs" ? Solver::kLbfgs
                                                    : Solver::kAdamW;
    options.scaling = arguments_.scaling == "columns"    ? Scaling::kColumns
                      : arguments_.scaling == "whitened" ? Scaling::kWhitened
                      : arguments_.adversarial
                          ? Scaling::kColumns  // faint directions are the easiest to push along
                          : Scaling::kBest;
    if (arguments_.class_weights == "balanced") options.class_weights = balanced_weights(set_.trained_by);
    ThreadPool pool(threads_);
    return fit_head(training, held_out_rows, options, pool);
  }

  // Trains on from what misleads the head, round by round; false after Ctrl-C. The attacks of the first round
  // say how right the head was before, those after the last one how right it is.
  bool harden() {
    AdversarialOptions options;
    options.epsilon = parse_epsilon(arguments_.epsilon);
    options.steps = arguments_.attack_steps;
    options.threads = threads_;
    options.target = arguments_.target;
    options.view = view_options();
    options.largest_area = arguments_.largest_area;
    LabelledRows training = set_.training, held = set_.held_out;
    std::vector<std::vector<AttackedPicture>> rounds;  // whose features the rows refer to
    const auto held_content = [this](uint64_t content) { return is_held_out(content, held_out()); };
    for (size_t round = 0; round < arguments_.rounds; ++round) {
      rounds.push_back(attack_pictures(model_, fit_.head, dataset_, table_, options, round,
                                       [](uint64_t) { return true; }));
      if (interrupted()) return false;
      for (const AttackedPicture& one : rounds.back()) {
        const bool is_held = held_content(table_.pictures[one.index].content);
        (is_held ? held : training).add(one.features.data(), dataset_.pictures[one.index].label);
        if (round == 0 && is_held) before_.add(one);
      }
      fit_ = train(training, held);
      if (fit_.best_epoch == 0)
        throw std::runtime_error("training on attacked pictures diverged; try a smaller --rate");
    }
    for (const AttackedPicture& one :
         attack_pictures(model_, fit_.head, dataset_, table_, options, arguments_.rounds, held_content))
      after_.add(one);
    return !interrupted();
  }

  void measure_spread() {
    ThreadPool pool(threads_);
    spread_ = fit_spread(set_.training, set_.training_content, dataset_.labels.size(), pool);
  }

  int finish_familiarity() {
    const std::string note = spread_text() + ".\n" + model_.info().note, name = this->name();
    const levit_training_spread spread = spread_.options();
    levit_export_options options{};
    options.note = note.c_str();
    options.name = name.c_str();
    options.spread = &spread;
    write(exported_file(model_.model(), options));
    print(arguments_.json ? familiarity_json() : familiarity_text());
    return set_.unreadable > 0 || !cache_failure_.empty() ? kFailedExit : 0;
  }

  void write_head() const {
    const std::string note = this->note(), name = this->name();
    const levit_training_spread spread = spread_.options();
    levit_export_options options{};
    options.note = note.c_str();
    options.name = name.c_str();
    if (spread.means > 0) options.spread = &spread;
    write(file_with_head(model_.model(), fit_.head, dataset_.labels, options));
  }

  void write(const std::vector<uint8_t>& file) const {
    try {
      write_atomically(arguments_.output, file);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(arguments_.output + ": " + error.what());
    }
  }

  // A new head makes another model, which must not be taken for its base.
  std::string name() const {
    if (!arguments_.name.empty()) return arguments_.name;
    const std::string base = model_.info().name;
    return arguments_.familiarity_only ? base : taught_name(base, "head", dataset_.labels);
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
    return arguments_.solver + (fit_.whitened ? " on whitened features, " : ", ") +
           counted(fit_.epochs, "epoch") + ", the best " + std::to_string(fit_.best_epoch) + ", seed " +
           std::to_string(fit.seed);
  }

  double accuracy() const {
    return static_cast<double>(score_.correct) / static_cast<double>(std::max<size_t>(score_.count, 1));
  }
  Range accuracy_interval() const {
    return wilson_interval(static_cast<double>(score_.correct), static_cast<double>(score_.count));
  }

  // How right a head is on held-out pictures, as they are and after the attack.
  struct Robustness {
    size_t count = 0, right = 0, right_after = 0;
    void add(const AttackedPicture& one) {
      ++count;
      right += one.right ? 1 : 0;
      right_after += one.right_after ? 1 : 0;
    }
    static double share(size_t part, size_t all) {
      return static_cast<double>(part) / static_cast<double>(std::max<size_t>(all, 1));
    }
    double clean() const { return share(right, count); }
    double robust() const { return share(right_after, count); }
  };

  std::string attack_name() const {
    return "PGD-" + std::to_string(arguments_.attack_steps) + " at " + arguments_.epsilon;
  }

  std::string adversarial_text() const {
    if (after_.count == 0) return "no picture is held out to measure on";
    return "right after " + attack_name() + ": " + percent(before_.robust()) + " % before, " +
           percent(after_.robust()) + " % now; without an attack: " + percent(before_.clean()) +
           " % before, " + percent(after_.clean()) + " % now (" + std::to_string(after_.count) +
           " held-out pictures)";
  }

  std::string held_out_text() const {
    if (score_.count == 0) return "none";
    const Range share = accuracy_interval();
    return counted(score_.count, "picture") + ", accuracy " + percent(accuracy()) + " % (" +
           percent(share.low) + " to " + percent(share.high) + "), loss " + fixed(score_.loss, 4);
  }

  std::string spread_text() const {
    return "Familiarity: of " + counted(set_.training.count(), "row") + " of features (" + classes_text() +
           ")";
  }

  // What stands in the file: one line for the head, then what the base says of itself.
  std::string note() const {
    std::string text =
        "Head (" + arguments_.head + ") trained by levit " + levit_version() + " on " +
        counted(table_.pictures.size() - set_.unreadable, "picture") + " (" + classes_text() +
        "): " + training_text() +
        (arguments_.views > 0 ? ", " + std::to_string(arguments_.views) + " augmented views" : "") +
        (arguments_.equalise ? ", equalised" : "") +
        (arguments_.adversarial ? ", " + std::to_string(arguments_.rounds) + " rounds of " + attack_name()
                                : "") +
        ". Held out: " + held_out_text() + ".\nBackbone: " + model_.info().name;
    if (model_.info().note[0] != '\0') text += "\n" + std::string(model_.info().note);
    return text;
  }

  std::string features_text() const {
    const size_t rows = table_.values.size() / table_.width;
    return std::to_string(table_.computed) + " computed, " + std::to_string(rows - table_.computed) +
           " from the cache, in " + fixed(table_.seconds, 1) + " s" +
           (table_.computed > 0
                ? " (" + fixed(static_cast<double>(table_.computed) / table_.seconds, 1) + " per second)"
                : "");
  }

  static std::string row(const char* name, const std::string& value) {
    return padded(name, 12) + value + "\n";
  }

  std::string familiarity_text() const {
    return row("classes", classes_text()) + row("features", features_text()) + row("distance", distances()) +
           row("written", arguments_.output);
  }

  // What pictures like those of the training are away from it.
  std::string distances() const {
    const auto at = [this](size_t per_mille) {
      return fixed(static_cast<double>(spread_.quantile[per_mille]), 1);
    };
    return "of pictures that it has not seen: half below " + at(500) + ", 99 % below " + at(990) +
           ", all below " + at(1000);
  }

  // What every report of a run begins with.
  nlohmann::ordered_json data_json() const {
    nlohmann::ordered_json json;
    json["output"] = arguments_.output;
    json["labels"] = dataset_.labels;
    json["pictures"] = table_.pictures.size() - set_.unreadable;
    json["unreadable"] = set_.unreadable;
    json["computed"] = table_.computed;
    return json;
  }

  std::string familiarity_json() const {
    nlohmann::ordered_json json = data_json();
    json["distance"] = {{"median", spread_.quantile[500]},
                        {"99 %", spread_.quantile[990]},
                        {"largest", spread_.quantile[1000]}};
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  std::string text() const {
    return row("classes", classes_text()) + row("features", features_text()) +
           row("head",
               arguments_.head + (arguments_.head == "conv" ? ": 1x1 convolution and average pooling" : "")) +
           row("training", training_text() + ", " + fixed(fit_seconds_, 1) + " s") +
           row("held out", held_out_text()) +
           (arguments_.adversarial ? row("attack", adversarial_text()) : "") +
           (spread_.means > 0 ? row("distance", distances()) : "") + row("written", arguments_.output);
  }

  std::string json() const {
    const Range share = accuracy_interval();
    nlohmann::ordered_json json = data_json();
    json["feature_seconds"] = table_.seconds;
    json["training_seconds"] = fit_seconds_;
    json["whitened"] = fit_.whitened;
    json["epochs"] = fit_.epochs;
    json["best_epoch"] = fit_.best_epoch;
    json["loss"] = fit_.last_loss;
    json["held_out"] = {{"n", score_.count},
                        {"loss", score_.loss},
                        {"accuracy", {{"value", accuracy()}, {"low", share.low}, {"high", share.high}}}};
    if (arguments_.adversarial) {
      const auto both = [](double before, double after) {
        return nlohmann::ordered_json{{"before", before}, {"after", after}};
      };
      json["adversarial"] = {{"epsilon", parse_epsilon(arguments_.epsilon)},
                             {"steps", arguments_.attack_steps},
                             {"rounds", arguments_.rounds},
                             {"n", after_.count},
                             {"clean", both(before_.clean(), after_.clean())},
                             {"robust", both(before_.robust(), after_.robust())}};
    }
    json["diverged"] = fit_.diverged;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  const FinetuneArguments& arguments_;
  size_t threads_;
  ModelFile model_;
  Dataset dataset_;
  FeatureTable table_;
  std::string cache_failure_;
  LearningSet set_;
  HeadFit fit_;
  HeadScore score_;
  Spread spread_;              // with --familiarity
  Robustness before_, after_;  // with --adversarial
  double fit_seconds_ = 0;
};

}  // namespace

Command add_finetune(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("finetune", "Teach a model classes of your own from labelled pictures");
  auto arguments = std::make_shared<FinetuneArguments>();
  add_finetune_flags(*app, *arguments);
  return {app, [arguments] {
            if (arguments->train.part.empty()) return Finetune(*arguments).run();
            return train_network(train_arguments(*arguments, arguments->train));
          }};
}

}  // namespace levit::tools
