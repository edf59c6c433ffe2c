// levit classify: pictures in, verdicts out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/ordered_run.h"
#include "tools/common/shard.h"
#include "tools/common/text.h"
#include "tools/levit/classifier.h"
#include "tools/levit/classify/resume.h"
#include "tools/levit/commands.h"
#include "tools/levit/dataset/view.h"
#include "tools/levit/job.h"

namespace levit::tools {
namespace {

// One picture gains little from more threads than this, and starting them takes time.
constexpr size_t kThreadsForOnePicture = 4;

struct Arguments {
  std::vector<std::string> paths;
  bool zero_separated = false;
  std::string model, target, resize;
  size_t threads = 0, batch = 1, top = 0, views = 1;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  std::string unsure = "0.35..0.65";
  std::string shard, output;
  bool resume = false;
  bool json = false, csv = false, ignore_orientation = false, quiet = false, times = false;
};

struct Counts {
  size_t verdicts = 0, unsure = 0, unlike = 0;
  std::vector<size_t> by_label;  // without the unsure ones
};

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
  Run(const Arguments& arguments, const InputList& list, LineFile* output)
      : arguments_(arguments),
        options_{arguments.ignore_orientation, arguments.views > 1, arguments.largest_area},
        form_(arguments.json  ? Form::kJson
              : arguments.csv ? Form::kCsv
                              : Form::kTable),
        job_(list, arguments.threads, arguments.batch, kThreadsForOnePicture),
        output_(output) {}

  int classify() {
    file_.emplace(find_model(arguments_.model), ModelFile::Unread{});
    Decoded first;
    Decoded* const decoded = decodes_first() ? &first : nullptr;
    if (decoded == nullptr) {
      file_->load();
    } else {
      // Neither needs the other, and together they take longer than all that follows.
      run_both(
          job_.pool(), [this] { file_->load(); }, [&] { decode(first); });
    }
    labels_ = class_labels(*file_);
    columns_.top = std::min(arguments_.top, labels_.size());
    columns_.one_logit = file_->info().labels > file_->info().classes;
    columns_.familiarity = file_->info().familiarity > 0;
    columns_.views = arguments_.views > 1;
    counts_.by_label.resize(labels_.size());
    start_classifiers();
    using Verdicts = std::vector<Verdict>;
    job_.run<Verdicts>(
        [&](size_t begin, size_t count, size_t worker) {
          return classifiers_[worker]->classify(&job_.list().inputs[begin], count, decoded);
        },
        [this](Verdicts& verdicts) {
          emit(verdicts);
          return true;
        });
    return job_.finish(summary());
  }

 private:
  // Whether the first picture is decoded while the weights are loaded; with the best instruction set.
  bool decodes_first() {
    const Input& input = job_.list().inputs[0];
    return job_.alone() && job_.pool().threads() > 1 && input.error.empty() && !is_npy_name(input.path) &&
           arguments_.target.empty() && arguments_.views == 1;
  }

  void decode(Decoded& decoded) {
    try {
      decoded.sample = picture_sample(job_.list().inputs[0], options_,
                                      chosen_resize(arguments_.resize, file_->announced_resize()), nullptr);
    } catch (...) {
      decoded.failure = std::current_exception();
    }
  }

  void start_classifiers() {
    levit_options options = job_.options(std::min(arguments_.batch, job_.list().inputs.size()));
    options.target = chosen_target(arguments_.target);
    const levit_resize resize = chosen_resize(arguments_.resize, file_->info().resize);
    const SampleReader reader(file_->model(), chosen_target(arguments_.target), resize, options_);
    for (size_t i = 0; i < job_.workers(); ++i)
      classifiers_.push_back(std::make_unique<Classifier>(file_->model(), options, reader, resize,
                                                          parse_band(arguments_.unsure), arguments_.views));
  }

  void emit(const std::vector<Verdict>& verdicts) {
    std::string lines;
    for (const Verdict& verdict : verdicts) {
      lines += verdict_line(form_, labels_, verdict, columns_);
      ++counts_.verdicts;
      if (!verdict.error.empty()) {
        job_.fail(verdict.path, verdict.error);
      } else {
        ++(verdict.unsure ? counts_.unsure : counts_.by_label[verdict.label]);
        counts_.unlike += verdict.unlike() ? 1 : 0;
      }
    }
    if (!lines.empty() && !has_header_) {
      lines.insert(0, header_line(form_, labels_, columns_));
      has_header_ = true;
    }
    output_ == nullptr ? print(lines) : output_->append(lines);
  }

  std::vector<std::string> summary() const {
    std::vector<std::string> lines;
    if (!arguments_.quiet && (counts_.verdicts > 1 || job_.list().skipped > 0))
      lines.push_back(counts_text());
    if (arguments_.times && counts_.verdicts > job_.failures()) lines.push_back(times());
    return lines;
  }

  std::string counts_text() const {
    const double seconds = job_.seconds();
    std::string text = counted(counts_.verdicts, "picture") + " in " + fixed(seconds, 2) + " s (" +
                       fixed(static_cast<double>(counts_.verdicts) / seconds, 1) + " per second):";
    const char* separator = " ";
    const auto count = [&](size_t number, const std::string& what) {
      text += separator + std::to_string(number) + " " + what;
      separator = ", ";
    };
    for (size_t i = 0; i < labels_.size(); ++i)
      if (counts_.by_label[i] > 0 || labels_.size() == 2) count(counts_.by_label[i], labels_[i]);
    count(counts_.unsure, "unsure");
    if (counts_.unlike > 0) count(counts_.unlike, "unlike anything it was trained on");
    if (job_.failures() > 0) count(job_.failures(), "failed");
    if (job_.list().skipped > 0)
      count(job_.list().skipped, job_.list().skipped == 1 ? "other file skipped" : "other files skipped");
    if (job_.list().repeated > 0) count(job_.list().repeated, "named twice");
    return text;
  }

  std::string times() const {
    StageTimes sum;
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
  const SampleOptions options_;
  const Form form_;
  Job job_;
  std::optional<ModelFile> file_;
  std::vector<std::string> labels_;
  Columns columns_;
  std::vector<std::unique_ptr<Classifier>> classifiers_;  // by worker
  Counts counts_;
  LineFile* output_;  // instead of standard output, or null
  bool has_header_ = false;
};

int run_classify(const Arguments& arguments) {
  if (arguments.resume && arguments.output.empty())
    throw UsageError("--resume needs -o FILE, the file to go on with");
  if (arguments.resume && !arguments.json)
    throw UsageError("--resume needs --json, whose lines tell what is done");
  InputList list = list_inputs(arguments.paths, arguments.zero_separated);
  if (!arguments.shard.empty()) keep_shard(list, parse_shard(arguments.shard));
  if (arguments.output.empty()) return list.inputs.empty() ? 0 : Run(arguments, list, nullptr).classify();
  std::vector<std::string> paths;
  for (const Input& input : list.inputs) paths.push_back(input.path);
  refuse_input_as_output(arguments.output, paths);
  FinishedInputs finished;
  if (arguments.resume) {
    finished = finished_inputs(arguments.output, list);
    list.inputs.erase(list.inputs.begin(), list.inputs.begin() + static_cast<long>(finished.inputs));
  }
  LineFile output(arguments.output, finished.bytes);
  const int exit = list.inputs.empty() ? 0 : Run(arguments, list, &output).classify();
  return exit == 0 && finished.failed > 0 ? kFailedExit : exit;
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
      ->check(taken_by(parse_band));
  app->add_option(
         "--topk", arguments->top,
         "Name the N most likely classes: rows of the table, \"top\" in JSON, label and probability 1 "
         "to N in CSV, there in place of all classes")
      ->type_name("N")
      ->check(CLI::Range(1, 65536));
  app->add_option("--views", arguments->views,
                  "Look at N views of each picture: the plain one, mirrored, the middle, through JPEG, the "
                  "corners; their mean decides, and the verdict is unsure unless all of them agree")
      ->type_name("N")
      ->check(CLI::Range(size_t{1}, kSteadyViews));
  app->add_option("-o,--output", arguments->output, "Write the results there instead of to standard output")
      ->type_name("FILE");
  app->add_option("--shard", arguments->shard,
                  "Only part I of N of the list, sorted by path; all parts behind each other are the whole")
      ->type_name("I/N")
      ->check(taken_by(parse_shard));
  app->add_flag("--resume", arguments->resume,
                "Go on with the file of -o where a killed run left it (with --json)");
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_max_megapixels_flag(*app, arguments->largest_area);
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
      "          levit classify --json --shard 2/4 -o part2.ndjson --resume million/\n"
      "          find . -name '*.jpg' -print0 | levit classify --json -0 -\n"
      "          curl -s https://example.org/a.jpg | levit classify\n"
      "          levit classify -- -name-with-a-dash.jpg");
  return {app, [arguments] { return run_classify(*arguments); }};
}

}  // namespace levit::tools
