#include "tools/levit/explain.h"

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
#include "tools/levit/command.h"
#include "tools/levit/explain_page.h"
#include "tools/levit/explain_report.h"
#include "tools/levit/explain_setup.h"
#include "tools/levit/faithfulness.h"

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

}  // namespace

int run_explain(const ExplainArguments& arguments) {
  const InputList list = list_inputs(arguments.paths, arguments.zero_separated);
  return arguments.faithfulness ? run_faithfulness(arguments, list) : ExplainRun(arguments, list).run();
}

}  // namespace levit::tools
