// levit explain: which parts of a picture speak for a verdict.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "tools/common/input_file.h"
#include "tools/common/input_list.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/draw/png.h"
#include "tools/levit/commands.h"
#include "tools/levit/explain/page.h"
#include "tools/levit/explain/report.h"
#include "tools/levit/explain/setup.h"
#include "tools/levit/faithfulness/faithfulness.h"
#include "tools/levit/job.h"

namespace levit::tools {
namespace {

constexpr size_t kBatchAlone = 8;  // samples that share one pass when a single picture has all threads
constexpr size_t kThumbnailSide = 360;
constexpr int kThumbnailQuality = 85;
constexpr const char* kThumbnails = "thumbnails";

// What became of one sample.
struct Outcome {
  Verdict verdict;
  std::string line;  // for standard output
  PageEntry page;
  bool stopped = false;  // by Ctrl-C, before it was done
};
using Outcomes = std::vector<Outcome>;

std::string results_directory(const ExplainArguments& arguments) {
  return arguments.output.empty() ? "explained" : arguments.output;
}

class ExplainRun {
 public:
  ExplainRun(const ExplainArguments& arguments, const InputList& list)
      : arguments_(arguments),
        setup_(arguments),
        directory_(results_directory(arguments)),
        job_(list, arguments.threads) {
    made_ = !std::filesystem::exists(directory_);
    make_output_directory(directory_ / kThumbnails);
    for (const Input& input : list.inputs) names_.push_back(output_names_.name_for(input.path));
  }

  int run() {
    levit_options options = job_.options(
        job_.alone() && job_.pool().threads() > 1 ? std::max(kBatchAlone, job_.pool().threads()) : 1);
    options.target = chosen_target(arguments_.target);
    options.progress = job_.alone() ? sample_progress : cancel_only;
    options.progress_context = this;
    for (size_t i = 0; i < job_.workers(); ++i)
      explainers_.push_back(std::make_unique<Explainer>(setup_.explainer(options)));
    job_.run<Outcomes>(
        [this](size_t input, size_t /*count*/, size_t worker) { return work(input, *explainers_[worker]); },
        [this](const Outcomes& outcomes) { return emit(outcomes); });
    return finish();
  }

 private:
  static int cancel_only(void* /*context*/, size_t /*done*/, size_t /*total*/) {
    return interrupted() ? 1 : 0;
  }

  static int sample_progress(void* context, size_t done, size_t total) {
    static_cast<ExplainRun*>(context)->job_.inner_progress(done, total, "samples");
    return interrupted() ? 1 : 0;
  }

  Outcomes work(size_t index, Explainer& explainer) const {
    const Input& input = job_.list().inputs[index];
    Outcomes outcomes;
    try {
      setup_.reader.read(input, [&](const Sample& sample) {
        const std::string suffix = sample.index < 0 ? "" : "_" + std::to_string(sample.index);
        outcomes.push_back(explain(sample, names_[index] + suffix, explainer));
        return !interrupted();
      });
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      Outcome failure;
      failure.verdict = failed(input.path, error.what());
      failure.stopped = interrupted();
      outcomes.push_back(failure);
    }
    return outcomes;
  }

  Outcome explain(const Sample& sample, const std::string& name, Explainer& explainer) const {
    Outcome outcome;
    outcome.verdict = setup_.verdict(explainer, sample);
    const size_t class_index = setup_.explained_class(outcome.verdict);
    std::vector<Explanation> explanations;
    for (const Method method : setup_.methods)
      explanations.push_back(explainer.explain(sample, method, class_index));
    const Canvas picture = sample_picture(sample, setup_.file.info());
    const std::string sheet = name + "_sheet.png";
    write_png(directory_ / sheet, draw_explanation_sheet(setup_.context, picture, sample, outcome.verdict,
                                                         class_index, explanations));
    for (const Explanation& explanation : explanations) {
      write_png(directory_ / (map_name(name, explanation) + ".png"),
                draw_overlay(picture, sample.window, explanation));
    }
    if (arguments_.raw) write_raw(directory_, name, explanations);
    outcome.page = page_entry(picture, sample, outcome.verdict, explanations.front(), name, sheet);
    outcome.line = arguments_.json
                       ? explanation_json(setup_.context, outcome.verdict, class_index, explanations, sheet)
                       : verdict_line(Form::kTable, setup_.context.labels, outcome.verdict);
    return outcome;
  }

  PageEntry page_entry(const Canvas& picture, const Sample& sample, const Verdict& verdict,
                       const Explanation& first, const std::string& name, const std::string& sheet) const {
    PageEntry entry;
    entry.name = sample_name(sample.path, sample.index);
    entry.sheet = sheet;
    entry.thumbnail = std::string(kThumbnails) + "/" + name + ".jpg";
    entry.label = verdict.label;
    entry.probability = static_cast<double>(verdict.probabilities[verdict.label]);
    entry.first_probability = static_cast<double>(verdict.probabilities[0]);
    entry.unsure = verdict.unsure;
    const PanelSize size = panel_size(picture.width, picture.height, kThumbnailSide);
    const Canvas small = resized(picture, size.width, size.height);
    write_jpeg(directory_ / entry.thumbnail,
               draw_overlay(small, scaled_window(sample.window, picture, small), first), kThumbnailQuality);
    return entry;
  }

  bool emit(const Outcomes& outcomes) {
    const auto stopped = [](const Outcome& outcome) { return outcome.stopped; };
    if (std::any_of(outcomes.begin(), outcomes.end(), stopped)) return false;
    for (const Outcome& outcome : outcomes) {
      if (!outcome.verdict.error.empty()) {
        if (arguments_.json) print(verdict_json(setup_.context.labels, outcome.verdict));
        job_.fail(outcome.verdict.path, outcome.verdict.error);
        continue;
      }
      const std::string above = entries_.empty() ? header_line(Form::kTable, setup_.context.labels) : "";
      print((arguments_.json ? "" : above) + outcome.line);
      entries_.push_back(outcome.page);
    }
    return true;
  }

  int finish() {
    std::vector<std::string> summary;
    if (!entries_.empty()) write_page();
    if (entries_.empty()) remove_empty();
    const std::string failed = job_.failures() > 0
                                   ? std::to_string(job_.failures()) + " of " +
                                         std::to_string(job_.list().inputs.size()) + " inputs failed"
                                   : "";
    if (!arguments_.quiet && !entries_.empty()) {
      summary.push_back(counted(entries_.size(), "sheet") + " in " + directory_.string() + "; open " +
                        (directory_ / "index.html").string() + (failed.empty() ? "" : "; " + failed));
    } else if (!arguments_.quiet && !failed.empty() && job_.list().inputs.size() > 1) {
      summary.push_back("nothing is written: " + failed);
    }
    return job_.finish(summary);
  }

  // Folders in which nothing was written.
  void remove_empty() const {
    std::error_code stays;
    std::filesystem::remove(directory_ / kThumbnails, stays);
    if (made_) std::filesystem::remove(directory_, stays);
  }

  void write_page() const {
    const std::filesystem::path path = directory_ / "index.html";
    std::ofstream file(path, std::ios::binary);
    file << explanation_page("Explanations by levit " + std::string(levit_version()), setup_.context.labels,
                             entries_);
    file.close();
    if (file.fail()) throw std::runtime_error(path.string() + ": cannot be written: " + std::strerror(errno));
  }

  const ExplainArguments& arguments_;
  ExplainSetup setup_;
  std::filesystem::path directory_;
  bool made_ = false;  // by this run
  Job job_;
  OutputNames output_names_;
  std::vector<std::string> names_;                      // by input
  std::vector<std::unique_ptr<Explainer>> explainers_;  // by worker
  std::vector<PageEntry> entries_;
};

// A layer that was asked for and that no method would take.
void refuse_idle_layer(const ExplainArguments& arguments) {
  const std::vector<Method> methods = parse_methods(arguments.methods);
  const auto takes = [](Method method) { return method < Method::kClassMap; };
  if (std::any_of(methods.begin(), methods.end(), takes)) return;
  const bool class_map = std::find(methods.begin(), methods.end(), Method::kClassMap) != methods.end();
  if (!class_map) throw UsageError("--layer is for class activation maps, and --method names none");
  if (parse_layers(arguments.layers) != layers_of(Method::kClassMap, {}))
    throw UsageError("--layer: a class map has one place, stage2, where the head is");
}

// Writes sheets, maps and index.html, or measures faithfulness. Returns the exit code.
int run_explain(const ExplainArguments& arguments) {
  const InputList list = list_inputs(arguments.paths, arguments.zero_separated, results_directory(arguments));
  return arguments.faithfulness ? run_faithfulness(arguments, list) : ExplainRun(arguments, list).run();
}

void add_map_flags(CLI::App& app, ExplainArguments& arguments) {
  app.add_option(
         "--method", arguments.methods,
         "Comma list of gradcam, gradcam++, hirescam, layercam, xgradcam, classmap (the head before pooling, "
         "at stage2), shap, ig (integrated gradients), gradient; also as other tools spell them "
         "(GradCAMPlusPlus, IntegratedGradients)")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(taken_by(parse_methods));
  app.add_option("--layer", arguments.layers,
                 "Where class activation maps are taken: stem, stage0, stage1 or stage2; a comma list or "
                 "mean (all) is averaged; --faithfulness also measures each")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(taken_by(parse_layers));
  app.add_option("--class", arguments.label, "Label or number of the class to explain; else the most likely")
      ->type_name("LABEL");
  app.add_flag(
      "--aug-smooth", arguments.aug_smooth,
      "Class activation maps: mean over the picture and its mirror image, each times 0.9, 1 and 1.1, "
      "as pytorch-grad-cam");
  app.add_flag(
      "--eigen-smooth", arguments.eigen_smooth,
      "Class activation maps: first principal component of the weighted activations instead of their "
      "sum, as pytorch-grad-cam; with the sign of the sum");
}

void add_attribution_flags(CLI::App& app, ExplainArguments& arguments) {
  app.add_option("--samples", arguments.samples,
                 "SHAP: samples per picture; the error falls with their square root")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 2147483647));
  app.add_option("--seed", arguments.seed, "SHAP: seed of the samples, as shap's rseed; and of random maps")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0ll, 4294967295ll));
  app.add_option(
         "--local-smoothing", arguments.local_smoothing,
         "SHAP: standard deviation of noise that is added to the normalised picture in each sample, as "
         "shap's local_smoothing")
      ->type_name("SIGMA")
      ->check(number_between(0.0, 1000.0));
  app.add_option("--background", arguments.background,
                 "SHAP: pictures to compare with; else a blurred copy of the picture and mean grey")
      ->type_name("DIR|FILE");
  app.add_option("--steps", arguments.steps, "Integrated gradients: steps from mean grey")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 2147483647));
}

}  // namespace

Command add_explain(CLI::App& program) {
  CLI::App* app = program.add_subcommand("explain", "Show which parts of pictures speak for a verdict");
  auto arguments = std::make_shared<ExplainArguments>();
  add_paths(*app, arguments->paths, arguments->zero_separated);
  app->add_option("-o,--output", arguments->output,
                  "Directory for sheets, maps and index.html; else ./explained")
      ->type_name("DIR");
  add_map_flags(*app, *arguments);
  add_attribution_flags(*app, *arguments);
  app->add_flag("--raw", arguments->raw, "Also write the signed maps and attributions as float32 .npy");
  app->add_flag("--json", arguments->json,
                "Numbers as JSON on standard output, one object per picture and line");
  app->add_flag(
      "--faithfulness", arguments->faithfulness,
      "Measure over all pictures whether the maps are better than random ones, and how much heat lies on "
      "edges");
  app->add_option("--random-maps", arguments->controls, "Faithfulness: random maps per picture")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_max_megapixels_flag(*app, arguments->largest_area);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_target_flag(*app, arguments->target);
  app->add_flag("--quiet", arguments->quiet, "No summary");
  app->footer(
      "Examples: levit explain photo.jpg -o explained\n"
      "          levit explain downloads/ -o explained --method gradcam++ --layer stage0,stage1 --class ai\n"
      "          levit explain photo.jpg --method shap --samples 1000 --background photos/ --raw\n"
      "          levit explain --faithfulness pictures/ -o measured");
  return {app, [app, arguments] {
            if (app->count("--layer") > 0) refuse_idle_layer(*arguments);
            return run_explain(*arguments);
          }};
}

}  // namespace levit::tools
