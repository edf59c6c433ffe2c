#include "tools/levit/explain/setup.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

ExplainOptions explain_options(const ExplainArguments& arguments, const SubjectReader& reader) {
  if (arguments.samples == 0) throw std::runtime_error("--samples: at least 1 is needed");
  if (arguments.steps == 0) throw std::runtime_error("--steps: at least 1 is needed");
  ExplainOptions options;
  options.layers = parse_layers(arguments.layers);
  options.samples = arguments.samples;
  options.steps = arguments.steps;
  options.seed = arguments.seed;
  if (!arguments.background.empty()) options.backgrounds = read_backgrounds(reader, arguments.background);
  return options;
}

SheetContext sheet_context(const ExplainArguments& arguments, const ModelFile& file,
                           const ExplainOptions& options) {
  SheetContext context;
  for (size_t i = 0; i < file.info().classes; ++i) context.labels.emplace_back(file.label(i));
  context.model = file.info().name;
  if (context.model.empty()) context.model = std::filesystem::path(file.path()).filename().string();
  context.resize = resize_name(chosen_resize(arguments.resize, file.info()));
  context.background = options.backgrounds.empty() ? "a blurred copy and mean grey"
                                                   : std::to_string(options.backgrounds.size()) +
                                                         " pictures of " + arguments.background;
  context.samples = options.samples;
  context.steps = options.steps;
  context.seed = options.seed;
  return context;
}

}  // namespace

ExplainSetup::ExplainSetup(const ExplainArguments& arguments)
    : file(find_model(arguments.model)),
      label(arguments.label),
      methods(parse_methods(arguments.methods)),
      reader(file.model(), chosen_resize(arguments.resize, file.info()), arguments.ignore_orientation),
      options(explain_options(arguments, reader)),
      context(sheet_context(arguments, file, options)) {
  chosen_class(file.model(), label, 0);
}

Answer ExplainSetup::answer(Explainer& explainer, const Subject& subject) const {
  Answer answer;
  answer.path = subject.path;
  answer.index = subject.index;
  answer.width = subject.picture.width;
  answer.height = subject.picture.height;
  answer.logits = explainer.logits(subject.view);
  answer.probabilities = explainer.context().probabilities(answer.logits);
  judge(UnsureBand(), answer);
  return answer;
}

size_t explain_threads(size_t asked, size_t inputs) {
  const size_t threads = asked == 0 ? machine_threads() : asked;
  return inputs > 1 ? std::min(threads, inputs) : threads;
}

}  // namespace levit::tools
