// What the flags of `levit explain` come to: model, methods, backgrounds, and how pictures are read.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_SETUP_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_SETUP_H_

#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/explain/sheet.h"
#include "tools/picture/picture.h"

namespace levit::tools {

struct ExplainArguments {
  std::vector<std::string> paths;
  bool zero_separated = false;
  std::string output;
  std::string methods = "gradcam,shap", layers = "stage1", label, background;
  size_t samples = 200, steps = 64, controls = 5, threads = 0;
  uint32_t seed = 0;
  double local_smoothing = 0;
  bool aug_smooth = false, eigen_smooth = false;
  bool raw = false, json = false, faithfulness = false, ignore_orientation = false, quiet = false;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  std::string model, target, resize;
};

struct ExplainSetup {
  // Throws std::runtime_error that says which argument is wrong.
  explicit ExplainSetup(const ExplainArguments& arguments);

  Explainer explainer(levit_options run) const { return {file.model(), run, options}; }

  // Verdict on a sample, without an explanation.
  Verdict verdict(Explainer& explainer, const Sample& sample) const;

  // The class to explain: the one that was asked for, or the most likely.
  size_t explained_class(const Verdict& verdict) const {
    return chosen_class(context.labels, label, verdict.label);
  }

  ModelFile file;
  std::string label;
  std::vector<Method> methods;
  SampleReader reader;
  ExplainOptions options;
  SheetContext context;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_SETUP_H_
