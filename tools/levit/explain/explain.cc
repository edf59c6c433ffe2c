// levit explain: which parts of a picture speak for a verdict.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>

#include "tools/common/input_list.h"
#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/draw/png.h"
#include "tools/levit/commands.h"
#include "tools/levit/explain/page.h"
#include "tools/levit/explain/report.h"
#include "tools/levit/explain/setup.h"
#include "tools/levit/faithfulness/faithfulness.h"

namespace levit::tools {
namespace {

constexpr size_t kBatchAlone = 8;    // samples that share one pass when a single picture has all threads
constexpr size_t kResultsAhead = 8;  // per worker: results that may wait for a slow picture in front of them
constexpr size_t kThumbnailSide = 360;
constexpr int kThumbnailQuality = 85;
constexpr const char* kThumbnails = "thumbnails";

// What became of one picture.
struct Outcome {
  Answer answer;
  std::string line;  // for standard output
  PageEntry page;
  bool stopped = false;  // by Ctrl-C, before it was done
};

class ExplainRun {
 public:
  ExplainRun(const ExplainArguments& arguments, const InputList& list)
      : arguments_(arguments),
        list_(list),
        setup_(arguments),
        directory_(arguments.output.empty() ? "explained" : arguments.output),
        pool_(explain_threads(arguments.threads, list.inputs.size())),
        progress_(list.inputs.size(), "pictures") {
    make_output_directory(directory_ / kThumbnails);
    for (const Input& input : list.inputs) names_.push_back(output_names_.name_for(input.path));
  }

  int run() {
    const bool alone = list_.inputs.size() == 1;
    start_explainers(alone);
    std::vector<std::vector<Outcome>> slots(alone ? 1 : kResultsAhead * pool_.threads());
    OrderedRun run{list_.inputs.size(), slots.size(), {}, {}, interrupted};
    run.work = [&](size_t input, size_t slot, size_t worker) {
      slots[slot] = work(input, *explainers_[worker]);
    };
    run.emit = [&](size_t /*input*/, size_t slot) {
      const auto stopped = [](const Outcome& outcome) { return outcome.stopped; };
      if (std::any_of(slots[slot].begin(), slots[slot].end(), stopped)) return;
      for (const Outcome& outcome : slots[slot]) emit(outcome);
      ++inputs_done_;
      progress_.update(inputs_done_);
    };
    if (alone) {
      run.work(0, 0, 0);
      run.emit(0, 0);
    } else {
      run_ordered(pool_, run);
    }
    return finish();
  }

 private:
  void start_explainers(bool alone) {
    levit_options run = levit_default_options();
    run.target = chosen_target(arguments_.target);
    run.progress = alone ? sample_progress : cancel_only;
    run.progress_context = this;
    if (alone && pool_.threads() > 1) {
      run.batch = static_cast<uint32_t>(std::max(kBatchAlone, pool_.threads()));
      run.threads = static_cast<uint32_t>(pool_.threads());
      run.parallel_for = ThreadPool::parallel_for;
      run.parallel_context = &pool_;
    }
    for (size_t i = 0; i < (alone ? 1 : pool_.threads()); ++i) {
      explainers_.push_back(std::make_unique<Explainer>(setup_.explainer(run)));
    }
  }

  static int cancel_only(void* /*context*/, size_t /*done*/, size_t /*total*/) {
    return interrupted() ? 1 : 0;
  }

  static int sample_progress(void* context, size_t done, size_t total) {
    auto* self = static_cast<ExplainRun*>(context);
    if (!self->samples_) self->samples_.emplace(total, "samples");
    self->samples_->update(done);
    return interrupted() ? 1 : 0;
  }

  std::vector<Outcome> work(size_t input, Explainer& explainer) const {
    std::vector<Outcome> outcomes;
    try {
      setup_.reader.read(list_.inputs[input], [&](Subject& subject) {
        const std::string suffix = subject.index < 0 ? "" : "_" + std::to_string(subject.index);
        outcomes.push_back(explain(subject, names_[input] + suffix, explainer));
        return !interrupted();
      });
    } catch (const std::exception& error) {
      Outcome failure;
      failure.answer.path = list_.inputs[input].path;
      failure.answer.error = error.what();
      failure.stopped = interrupted();
      outcomes.push_back(failure);
    }
    return outcomes;
  }

  Outcome explain(const Subject& subject, const std::string& name, Explainer& explainer) const {
    Outcome outcome;
    outcome.answer = setup_.answer(explainer, subject);
    const size_t class_index = setup_.explained_class(outcome.answer);
    std::vector<Explanation> explanations;
    for (const Method method : setup_.methods) {
      explanations.push_back(explainer.explain(subject.view, method, class_index));
    }
    const std::string sheet = name + "_sheet.png";
    write_png(directory_ / sheet,
              draw_explanation_sheet(setup_.context, subject, outcome.answer, class_index, explanations));
    for (const Explanation& explanation : explanations) {
      write_png(directory_ / (map_name(name, explanation) + ".png"),
                draw_overlay(subject.picture, subject.window, explanation));
    }
    if (arguments_.raw) write_raw(directory_, name, explanations);
    outcome.page = page_entry(subject, outcome.answer, explanations.front(), name, sheet);
    outcome.line = arguments_.json
                       ? explanation_json(setup_.context, outcome.answer, class_index, explanations, sheet)
                       : answer_line(Form::kTable, setup_.context.labels, outcome.answer);
    return outcome;
  }

  PageEntry page_entry(const Subject& subject, const Answer& answer, const Explanation& first,
                       const std::string& name, const std::string& sheet) const {
    PageEntry entry;
    entry.name = subject.path + (subject.index < 0 ? "" : "[" + std::to_string(subject.index) + "]");
    entry.sheet = sheet;
    entry.thumbnail = std::string(kThumbnails) + "/" + name + ".jpg";
    entry.label = answer.label;
    entry.probability = static_cast<double>(answer.probabilities[answer.label]);
    entry.first_probability = static_cast<double>(answer.probabilities[0]);
    entry.unsure = answer.unsure;
    const PanelSize size = panel_size(subject.picture.width, subject.picture.height, kThumbnailSide);
    const Canvas small = resized(subject.picture, size.width, size.height);
    write_jpeg(directory_ / entry.thumbnail,
               draw_overlay(small, scaled_window(subject.window, subject.picture, small), first),
               kThumbnailQuality);
    return entry;
  }

  void emit(const Outcome& outcome) {
    progress_.clear();
    if (samples_) samples_->clear();
    if (!outcome.answer.error.empty()) {
      ++failed_;
      if (arguments_.json) print(failure_json(outcome.answer.path, outcome.answer.error));
      complain(outcome.answer.path + ": " + outcome.answer.error);
      return;
    }
    if (!arguments_.json && entries_.empty()) print(header_line(Form::kTable, setup_.context.labels));
    print(outcome.line);
    entries_.push_back(outcome.page);
  }

  int finish() {
    progress_.clear();
    if (!entries_.empty()) write_page();
    if (!arguments_.quiet && !entries_.empty()) {
      complain(std::to_string(entries_.size()) + " sheets in " + directory_.string() + "; open " +
               (directory_ / "index.html").string());
    }
    if (interrupted()) return report_stop(list_.inputs.size() - inputs_done_);
    return failed_ > 0 ? kFailedExit : 0;
  }

  void write_page() const {
    const std::filesystem::path path = directory_ / "index.html";
    std::ofstream file(path, std::ios::binary);
    file << explanation_page("Explanations by levit " + std::string(levit_version()), setup_.context.labels,
                             entries_);
    file.close();
    if (file.fail()) throw std::runtime_error(path.string() + ": cannot be written");
  }

  const ExplainArguments& arguments_;
  const InputList& list_;
  ExplainSetup setup_;
  std::filesystem::path directory_;
  ThreadPool pool_;
  Progress progress_;
  std::optional<Progress> samples_;
  OutputNames output_names_;
  std::vector<std::string> names_;                      // by input
  std::vector<std::unique_ptr<Explainer>> explainers_;  // by worker
  std::vector<PageEntry> entries_;
  size_t failed_ = 0, inputs_done_ = 0;
};

// Writes sheets, maps and index.html, or measures faithfulness. Returns the exit code.
int run_explain(const ExplainArguments& arguments) {
  const InputList list = list_inputs(arguments.paths, arguments.zero_separated);
  return arguments.faithfulness ? run_faithfulness(arguments, list) : ExplainRun(arguments, list).run();
}

}  // namespace

Command add_explain(CLI::App& program) {
  CLI::App* app = program.add_subcommand("explain", "Show which parts of pictures speak for a verdict");
  auto arguments = std::make_shared<ExplainArguments>();
  add_paths(*app, arguments->paths, arguments->zero_separated);
  app->add_option("-o,--output", arguments->output,
                  "Directory for sheets, maps and index.html; else ./explained")
      ->type_name("DIR");
  app->add_option(
         "--method", arguments->methods,
         "Comma list of gradcam, gradcam++, hirescam, layercam, xgradcam, shap, ig (integrated gradients), "
         "gradient")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--layer", arguments->layers,
                  "Where class activation maps are taken: stem, stage0, stage1 or stage2; a comma list or "
                  "mean (all) is averaged; --faithfulness also measures each")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--class", arguments->label, "Label to explain; else the most likely")->type_name("LABEL");
  app->add_option("--samples", arguments->samples,
                  "SHAP: samples per picture; the error falls with their square root")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--seed", arguments->seed, "SHAP: seed of the samples, as shap's rseed; and of random maps")
      ->type_name("S")
      ->capture_default_str();
  app->add_option("--background", arguments->background,
                  "SHAP: pictures to compare with; else a blurred copy of the picture and mean grey")
      ->type_name("DIR|FILE");
  app->add_option("--steps", arguments->steps, "Integrated gradients: steps from mean grey")
      ->type_name("N")
      ->capture_default_str();
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
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_target_flag(*app, arguments->target);
  app->add_flag("--quiet", arguments->quiet, "No summary");
  app->footer(
      "Examples: levit explain photo.jpg -o explained\n"
      "          levit explain downloads/ -o explained --method gradcam++ --layer stage0,stage1 --class ai\n"
      "          levit explain photo.jpg --method shap --samples 1000 --background photos/ --raw\n"
      "          levit explain --faithfulness pictures/ -o measured");
  return {app, [arguments] { return run_explain(*arguments); }};
}

}  // namespace levit::tools
