#include "tools/levit/explain/setup.h"

#include <filesystem>
#include <stdexcept>

#include "tools/common/input_file.h"
#include "tools/common/output.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

// All tensors of the usable inputs behind `path` (a directory, a picture or an .npy file), for a SHAP
// background. Throws std::runtime_error naming the path when there are none.
std::vector<std::vector<float>> read_backgrounds(const SampleReader& reader, const std::string& path) {
  std::vector<std::vector<float>> tensors;
  std::string cause = "no pictures in it";
  std::vector<std::string> left_out;
  for (const Input& input : list_inputs({path}, false).inputs) {
    try {
      reader.read(input, [&tensors](Sample& sample) {
        tensors.push_back(std::move(sample.tensor));
        return true;
      });
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      cause = error.what();
      left_out.push_back(input.path + ": " + cause + "; left out of the background");
    }
  }
  if (tensors.empty()) throw std::runtime_error(path + ": no usable background picture (" + cause + ")");
  for (const std::string& line : left_out) complain(line);
  return tensors;
}

ExplainOptions explain_options(const ExplainArguments& arguments, const SampleReader& reader) {
  ExplainOptions options;
  options.layers = parse_layers(arguments.layers);
  options.samples = arguments.samples;
  options.steps = arguments.steps;
  options.seed = arguments.seed;
  options.aug_smooth = arguments.aug_smooth;
  options.eigen_smooth = arguments.eigen_smooth;
  options.local_smoothing = arguments.local_smoothing;
  if (!arguments.background.empty()) options.backgrounds = read_backgrounds(reader, arguments.background);
  return options;
}

SheetContext sheet_context(const ExplainArguments& arguments, const ModelFile& file,
                           const ExplainOptions& options) {
  SheetContext context;
  context.labels = class_labels(file);
  context.model = file.info().name;
  if (context.model.empty()) context.model = std::filesystem::path(file.path()).filename().string();
  context.resize = resize_name(chosen_resize(arguments.resize, file.info().resize));
  context.background = options.backgrounds.empty() ? "a blurred copy and mean grey"
                                                   : std::to_string(options.backgrounds.size()) +
                                                         " pictures of " + arguments.background;
  context.samples = options.samples;
  context.steps = options.steps;
  context.seed = options.seed;
  context.aug_smooth = options.aug_smooth;
  context.eigen_smooth = options.eigen_smooth;
  context.local_smoothing = options.local_smoothing;
  return context;
}

}  // namespace

ExplainSetup::ExplainSetup(const ExplainArguments& arguments)
    : file(find_model(arguments.model)),
      label(arguments.label),
      methods(parse_methods(arguments.methods)),
      reader(file.model(), chosen_target(arguments.target),
             chosen_resize(arguments.resize, file.info().resize),
             {arguments.ignore_orientation, true, arguments.largest_area}),
      options(explain_options(arguments, reader)),
      context(sheet_context(arguments, file, options)) {
  try {
    chosen_class(context.labels, label, 0);
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--class: ") + error.what());
  }
}

Verdict ExplainSetup::verdict(Explainer& explainer, const Sample& sample) const {
  Verdict verdict = judged(sample, explainer.context(), explainer.logits(sample).data(), UnsureBand());
  if (file.info().familiarity == 0) return verdict;
  std::vector<float> features(file.info().dims[2]);
  check(levit_features(explainer.context().get(), sample.input(), 1, features.data()));
  verdict.measured =
      levit_familiarity(file.model(), features.data(), 1, &verdict.distance, &verdict.percentile) == LEVIT_OK;
  return verdict;
}

}  // namespace levit::tools
