// levit classify: pictures in, verdicts out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>

#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/classifier.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

// One picture gains little from more threads than this, and starting them takes time.
constexpr size_t kThreadsForOnePicture = 4;
constexpr size_t kGroupsAhead = 16;  // per worker: results that may wait for a slow picture in front of them

struct Arguments {
  std::vector<std::string> paths;
  bool zero_separated = false;
  std::string model, target, resize;
  size_t threads = 0, batch = 1;
  std::string unsure = "0.35..0.65";
  bool json = false, csv = false, ignore_orientation = false, quiet = false, times = false;
};

struct Counts {
  size_t pictures = 0, failed = 0, unsure = 0;
  std::vector<size_t> by_label;  // without the unsure ones
};

std::string summary(const Counts& counts, const std::vector<std::string>& labels, const InputList& list,
                    double seconds) {
  std::string text = std::to_string(counts.pictures) + " pictures in " + fixed(seconds, 2) + " s (" +
                     fixed(static_cast<double>(counts.pictures) / seconds, 1) + " per second):";
  const char* separator = " ";
  const auto count = [&](size_t number, const std::string& what) {
    text += separator + std::to_string(number) + " " + what;
    separator = ", ";
  };
  for (size_t i = 0; i < labels.size(); ++i)
    if (counts.by_label[i] > 0 || labels.size() == 2) count(counts.by_label[i], labels[i]);
  count(counts.unsure, "unsure");
  if (counts.failed > 0) count(counts.failed, "failed");
  if (list.skipped > 0) count(list.skipped, "other files skipped");
  if (list.repeated > 0) count(list.repeated, "named twice");
  return text;
}

// The labels of the classes; one that several classes share gets the number of its class.
std::vector<std::string> distinct_labels(const ModelFile& model) {
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (size_t i = 0; i < model.info().classes; ++i) {
    const std::string label = model.label(i);
    labels.push_back(seen.insert(label).second ? label : label + " (class " + std::to_string(i) + ")");
  }
  return labels;
}

// "0.35..0.65"; throws std::runtime_error for what is no band.
UnsureBand parse_band(const std::string& text) {
  UnsureBand band;
  size_t used = 0;
  try {
    const size_t dots = text.find("..");
    band.low = std::stod(text.substr(0, dots), &used);
    size_t used_high = 0;
    band.high = std::stod(text.substr(dots + 2), &used_high);
    if (used == dots && dots + 2 + used_high == text.size() && 0 <= band.low && band.low <= band.high &&
        band.high <= 1)
      return band;
  } catch (const std::logic_error&) {  // not a number, or no dots
  }
  throw std::runtime_error("\"" + text + "\" is not LOW..HIGH with 0 <= LOW <= HIGH <= 1");
}

class Run {
 public:
  Run(const Arguments& arguments, const InputList& list)
      : arguments_(arguments),
        list_(list),
        form_(arguments.json  ? Form::kJson
              : arguments.csv ? Form::kCsv
                              : Form::kTable),
        progress_(list.inputs.size(), "pictures") {}

  int classify() {
    const size_t groups = (list_.inputs.size() + arguments_.batch - 1) / arguments_.batch;
    const bool alone = groups == 1;  // then the threads work inside the network
    size_t threads = arguments_.threads;
    if (threads == 0) threads = std::min(machine_threads(), alone ? kThreadsForOnePicture : groups);
    if (!alone) threads = std::min(threads, groups);
    ThreadPool pool(threads);
    std::optional<Decoded> first = alone && threads > 1 ? load_both(pool) : std::nullopt;
    if (!file_) load_model();
    start_classifiers(pool, alone);
    std::vector<std::vector<Answer>> slots(alone ? 1 : kGroupsAhead * threads);
    OrderedRun run{groups, slots.size(), {}, {}, interrupted};
    run.work = [&](size_t group, size_t slot, size_t worker) { slots[slot] = work(group, worker); };
    run.emit = [&](size_t group, size_t slot) {
      emit(slots[slot]);
      inputs_done_ = std::min((group + 1) * arguments_.batch, list_.inputs.size());
      progress_.update(inputs_done_);
    };
    if (alone) {
      slots[0] =
          classifiers_[0]->classify(list_.inputs.data(), list_.inputs.size(), first ? &*first : nullptr);
      run.emit(0, 0);
    } else {
      run_ordered(pool, run);
    }
    return finish();
  }

 private:
  void load_model() {
    file_.emplace(find_model(arguments_.model));
    labels_ = distinct_labels(*file_);
    counts_.by_label.resize(labels_.size());
  }

  // Decodes the first picture while another thread loads the weights: neither needs the other, and together
  // they take longer than all that follows.
  std::optional<Decoded> load_both(ThreadPool& pool) {
    const Input& input = list_.inputs[0];
    std::optional<Decoded> first;
    if (!input.error.empty() || is_npy_name(input.path)) return first;
    OrderedRun both{2, 2, {}, [](size_t, size_t) {}, [] { return false; }};
    both.work = [&](size_t index, size_t, size_t) {
      index == 0 ? load_model() : void(first = decode(input.path, arguments_.ignore_orientation));
    };
    run_ordered(pool, both);
    return first;
  }

  void start_classifiers(ThreadPool& pool, bool alone) {
    levit_options options = levit_default_options();
    options.batch = static_cast<uint32_t>(std::min(arguments_.batch, list_.inputs.size()));
    options.target = chosen_target(arguments_.target);
    if (alone && pool.threads() > 1) {
      options.threads = static_cast<uint32_t>(pool.threads());
      options.parallel_for = ThreadPool::parallel_for;
      options.parallel_context = &pool;
    }
    const ClassifyOptions how{chosen_resize(arguments_.resize, file_->info()), arguments_.ignore_orientation,
                              parse_band(arguments_.unsure)};
    for (size_t i = 0; i < (alone ? 1 : pool.threads()); ++i)
      classifiers_.push_back(std::make_unique<Classifier>(*file_, options, how));
  }

  std::vector<Answer> work(size_t group, size_t worker) {
    const size_t first = group * arguments_.batch;
    return classifiers_[worker]->classify(&list_.inputs[first],
                                          std::min(arguments_.batch, list_.inputs.size() - first));
  }

  void emit(const std::vector<Answer>& answers) {
    std::string lines;
    progress_.clear();
    for (const Answer& answer : answers) {
      lines += answer_line(form_, labels_, answer);
      ++counts_.pictures;
      if (!answer.error.empty()) {
        ++counts_.failed;
        complain(answer.path + ": " + answer.error);
      } else {
        ++(answer.unsure ? counts_.unsure : counts_.by_label[answer.label]);
      }
    }
    if (!lines.empty() && !has_header_) {
      lines.insert(0, header_line(form_, labels_));
      has_header_ = true;
    }
    print(lines);
  }

  int finish() {
    progress_.clear();
    if (!arguments_.quiet && (counts_.pictures > 1 || list_.skipped > 0))
      complain(summary(counts_, labels_, list_, progress_.seconds()));
    if (arguments_.times && counts_.pictures > counts_.failed) complain(times());
    if (interrupted()) return report_stop(list_.inputs.size() - inputs_done_);
    return counts_.failed > 0 ? kFailedExit : 0;
  }

  std::string times() const {
    Times sum;
    for (const auto& classifier : classifiers_) {
      sum.decode += classifier->times().decode;
      sum.resize += classifier->times().resize;
      sum.network += classifier->times().network;
    }
    const double all = sum.decode + sum.resize + sum.network;
    const auto share = [all](double part) { return fixed(100 * part / all, 1) + " %"; };
    return "decoding " + share(sum.decode) + ", resizing " + share(sum.resize) + ", network " +
           share(sum.network);
  }

  const Arguments& arguments_;
  const InputList& list_;
  Form form_;
  std::optional<ModelFile> file_;
  Progress progress_;
  std::vector<std::string> labels_;
  std::vector<std::unique_ptr<Classifier>> classifiers_;  // by worker
  Counts counts_;
  size_t inputs_done_ = 0;
  bool has_header_ = false;
};

int run_classify(const Arguments& arguments) {
  const InputList list = list_inputs(arguments.paths, arguments.zero_separated);
  return Run(arguments, list).classify();
}

}  // namespace

Command add_classify(CLI::App& program) {
  CLI::App* app = program.add_subcommand("classify", "Say of pictures whether they are AI-generated");
  auto arguments = std::make_shared<Arguments>();
  add_paths(*app, arguments->paths, arguments->zero_separated);
  CLI::Option* json = app->add_flag("--json", arguments->json, "One JSON object per picture and line");
  app->add_flag("--csv", arguments->csv, "CSV (RFC 4180)")->excludes(json);
  app->add_option("--unsure", arguments->unsure,
                  "Band of the first class's probability where the verdict is unsure (more than two classes: "
                  "unsure when no "
                  "probability is above HIGH)")
      ->type_name("LOW..HIGH")
      ->capture_default_str()
      ->check([](const std::string& text) {
        try {
          parse_band(text);
        } catch (const std::runtime_error& error) {
          return std::string(error.what());
        }
        return std::string();
      });
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_batch_flag(*app, arguments->batch);
  add_target_flag(*app, arguments->target);
  app->add_flag("--times", arguments->times,
                "Also say how the time divides between decoding, resizing and the network");
  app->add_flag("--quiet", arguments->quiet, "No summary");
  app->footer(
      "Examples: levit classify photo.jpg\n"
      "          levit classify --csv downloads/ > verdicts.csv\n"
      "          find . -name '*.jpg' -print0 | levit classify --json -0 -");
  return {app, [arguments] { return run_classify(*arguments); }};
}

}  // namespace levit::tools
