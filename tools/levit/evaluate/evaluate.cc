// levit evaluate: how right a model is on pictures whose labels are known, and how sure that is.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/evaluate/evaluation.h"
#include "tools/levit/evaluate/mistakes.h"
#include "tools/levit/evaluate/output.h"
#include "tools/levit/evaluate/pictures.h"
#include "tools/levit/evaluate/report.h"
#include "tools/levit/evaluate/run.h"
#include "weights/checksum.h"
#include "weights/layout.h"

namespace levit::tools {
namespace {

struct Arguments {
  std::string data, labels_csv;
  std::vector<std::string> map, merge;
  std::string shard = "1/1", predictions, csv, report, output;
  bool json = false, fit_temperature = false, robust = false, probe = false, doubt = false, equalise = false,
       resume = false, ignore_orientation = false, quiet = false, times = false;
  uint64_t seed = 0;
  std::string model, target, resize;
  size_t threads = 0, largest_area = PictureOptions().largest_area;
};

template <typename Bytes>
void write_file(const std::string& path, const Bytes& bytes) {
  try {
    write_atomically(path, {bytes.begin(), bytes.end()});
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

// What would be found out only after the long part, and what would be lost.
void check_outputs(const std::vector<std::string>& inputs, const Arguments& arguments) {
  for (const std::string& output : {arguments.csv, arguments.report, arguments.output})
    if (!output.empty()) check_output_path(output);
  for (const std::string& output :
       {arguments.csv, arguments.report, arguments.output, arguments.resume ? "" : arguments.predictions})
    refuse_input_as_output(output, inputs);
  refuse_same_output({arguments.csv, arguments.report, arguments.output, arguments.predictions});
}

PredictionFile run_model(const Arguments& arguments, const ModelFile& model, size_t* total) {
  const std::vector<Prediction> pictures =
      labelled_pictures(arguments.data, arguments.labels_csv, arguments.map, model);
  std::vector<std::string> inputs = {arguments.labels_csv};
  for (const Prediction& picture : pictures) inputs.push_back(picture.path);
  check_outputs(inputs, arguments);
  RunOptions options;
  options.resize = chosen_resize(arguments.resize, model.info().resize);
  options.ignore_orientation = arguments.ignore_orientation;
  options.largest_area = arguments.largest_area;
  options.target = chosen_target(arguments.target);
  options.threads = arguments.threads;
  options.output = arguments.predictions;
  options.resume = arguments.resume;
  options.robust = arguments.robust;
  options.doubt = arguments.doubt;
  options.equalise = arguments.equalise;
  options.shard = parse_shard(arguments.shard);
  options.times = arguments.times;
  *total = options.shard.last(pictures.size()) - options.shard.first(pictures.size());
  return predict_all(model, pictures, options);
}

// The model that made the predictions.
const ModelFile& model_of(const PredictionHeader& header, const Arguments& arguments,
                          std::optional<ModelFile>& loaded) {
  if (!loaded) loaded.emplace(find_model(arguments.model));
  if (checksum_text(*loaded) != header.checksum) {
    throw std::runtime_error(loaded->path() + ": not the model that made these predictions (checksum " +
                             checksum_text(*loaded) + ", not " + header.checksum + "); name it with --model");
  }
  return *loaded;
}

// The bytes of the model's file with that temperature in its header (weights/FORMAT.md), 0.001 to 1000;
// nothing else differs but the checksum.
std::vector<uint8_t> with_temperature(const ModelFile& model, double temperature) {
  const auto* const image =
      reinterpret_cast<const uint8_t*>(model.model());  // the handle of a model is its image
  std::vector<uint8_t> bytes(image, image + model.bytes());
  weights::store_f32(bytes.data() + weights::kAtTemperature, static_cast<float>(temperature));
  weights::store_u64(bytes.data() + weights::kAtChecksum, weights::checksum(bytes.data(), bytes.size()));
  return bytes;
}

void store_temperature(const Evaluation& all, const ModelFile& model, const Arguments& arguments) {
  if (!all.temperature)
    throw std::runtime_error(
        "no temperature fits these pictures better than all others: they are all right, or the logits say "
        "nothing of them; nothing is written");
  write_file(arguments.output, with_temperature(model, *all.temperature));
  if (!arguments.quiet)
    complain(arguments.output + ": " + model.info().name + " with temperature " + fixed(*all.temperature, 4));
}

std::vector<ProbedLayer> probe_pictures(const Evaluation& all, const ModelFile& model,
                                        const Arguments& arguments) {
  const char* const target = chosen_target(arguments.target);
  const SampleReader reader(model.model(), target, chosen_resize(all.header.resize, model.info().resize),
                            {all.header.ignore_orientation, false, arguments.largest_area});
  return probe_layers(model, all.predictions, reader, arguments.threads, target);
}

int run_evaluate(const Arguments& arguments) {
  if (arguments.fit_temperature != !arguments.output.empty())
    throw UsageError("--fit-temperature and -o FILE go together");
  if (parse_shard(arguments.shard).parts > 1 && arguments.predictions.empty())
    throw UsageError("--shard needs --predictions FILE, to be merged with --merge");
  if (arguments.resume && arguments.predictions.empty())
    throw UsageError("--resume needs --predictions FILE, the file to go on with");
  std::optional<ModelFile> model;
  PredictionFile file;
  if (!arguments.merge.empty()) {
    check_outputs(arguments.merge, arguments);
    file = merge_predictions(arguments.merge);
  } else {
    model.emplace(find_model(arguments.model));
    size_t total = 0;
    file = run_model(arguments, *model, &total);
    if (file.predictions.size() < total) return kInterruptedExit;
    if (file.header.shard.parts > 1) {
      if (!arguments.quiet)
        complain("shard " + arguments.shard + ": " + counted(total, "picture") +
                 (total == 1 ? " is in " : " are in ") + arguments.predictions);
      return 0;
    }
  }
  ThreadPool pool(arguments.threads == 0 ? machine_threads() : arguments.threads);
  Evaluation all = evaluate(std::move(file), arguments.seed, pool);
  if (arguments.probe) all.probed = probe_pictures(all, model_of(all.header, arguments, model), arguments);
  for (const std::string& warning : all.warnings) complain(warning);
  print(arguments.json ? evaluation_json(all)
                       : evaluation_table(all, terminal_columns(STDOUT_FILENO)));  // first: a file may fail
  if (!arguments.csv.empty()) write_file(arguments.csv, predictions_csv(all));
  if (!arguments.report.empty()) {
    const std::vector<Mistake> mistakes = show_mistakes(
        model_of(all.header, arguments, model), all, chosen_target(arguments.target), arguments.largest_area);
    write_file(arguments.report, evaluation_report(all, mistakes));
  }
  if (arguments.fit_temperature) store_temperature(all, model_of(all.header, arguments, model), arguments);
  return all.failed > 0 || !all.several_classes() ? kFailedExit : 0;
}

}  // namespace

Command add_evaluate(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "evaluate", "Measure a model on pictures whose labels are known, with 95 % intervals");
  auto arguments = std::make_shared<Arguments>();
  add_labelled_data(*app, arguments->data, arguments->labels_csv, arguments->map);
  app->add_flag("--json", arguments->json, "One JSON object");
  app->add_option("--csv", arguments->csv, "Also write a row for each picture")->type_name("FILE");
  app->add_option("--report", arguments->report,
                  "Also write a page of HTML with plots and the worst mistakes")
      ->type_name("FILE");
  app->add_flag(
      "--robust", arguments->robust,
      "Also after JPEG 90, 70 and 50, half the size and back, a blur and a crop: verdicts that flip");
  app->add_flag("--probe", arguments->probe,
                "Also how well a linear classifier does on the pooled stem and on each stage");
  app->add_flag(
      "--doubt", arguments->doubt,
      "Also how well the probability, several views and familiarity tell mistakes from right verdicts");
  app->add_flag(
      "--equalise", arguments->equalise,
      "Send every picture through one size and one JPEG quality first, as finetune --equalise does");
  app->add_flag("--fit-temperature", arguments->fit_temperature,
                "Write the model with the temperature that fits these pictures best to -o");
  app->add_option("-o,--output", arguments->output, "Weight file that --fit-temperature writes")
      ->type_name("FILE");
  app->add_option("--predictions", arguments->predictions,
                  "Also write what is needed of each picture, for --merge and --resume (NDJSON)")
      ->type_name("FILE");
  app->add_option("--shard", arguments->shard, "Only part I of N of the pictures; needs --predictions")
      ->type_name("I/N")
      ->check(taken_by(parse_shard));
  app->add_flag("--resume", arguments->resume, "Go on with the file of --predictions where it ends");
  app->add_option("--merge", arguments->merge, "Files of --predictions, one for each shard, in any order")
      ->type_name("FILE...")
      ->excludes("data", "--labels-csv", "--shard", "--predictions", "--resume", "--robust", "--probe",
                 "--doubt", "--equalise");
  app->add_option("--seed", arguments->seed, "Of the bootstrap")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0ll, 4294967295ll));
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_max_megapixels_flag(*app, arguments->largest_area);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_target_flag(*app, arguments->target);
  app->add_flag("--times", arguments->times, "Also say how long decoding, resizing and the network took");
  app->add_flag("--quiet", arguments->quiet, "No line when a shard is done");
  app->footer(
      "Examples: levit evaluate pictures/            (with pictures/ai/ and pictures/real/)\n"
      "          levit evaluate --labels-csv labels.csv --json > metrics.json\n"
      "          levit evaluate pictures/ --shard 2/4 --predictions part2.ndjson --resume\n"
      "          levit evaluate --merge part*.ndjson --report report.html\n"
      "          levit evaluate held-out/ --fit-temperature -o calibrated.levit");
  return {app, [arguments] { return run_evaluate(*arguments); }};
}

}  // namespace levit::tools
