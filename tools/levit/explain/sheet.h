// The pictures that `levit explain` writes.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_SHEET_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_SHEET_H_

#include <string>
#include <vector>

#include "tools/draw/sheet.h"
#include "tools/levit/explain/explainer.h"
#include "tools/levit/verdict.h"

namespace levit::tools {

// What stands on every sheet of a run.
struct SheetContext {
  std::vector<std::string> labels;
  std::string model, resize;
  std::string background;  // what SHAP compares with, in words
  size_t samples = 0, steps = 0;
  uint32_t seed = 0;
  bool aug_smooth = false, eigen_smooth = false;
  double local_smoothing = 0;
};

// The map over the picture, as large as the picture.
Canvas draw_overlay(const Canvas& picture, const levit_window& window, const Explanation& explanation);

// The picture of a sample: its pixels as found, or the colours that its tensor stands for.
Canvas sample_picture(const Sample& sample, const levit_info& model);

// Picture, maps, verdict and numbers. `picture` is that of the sample.
Canvas draw_explanation_sheet(const SheetContext& context, const Canvas& picture, const Sample& sample,
                              const Verdict& verdict, size_t class_index,
                              const std::vector<Explanation>& explanations);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_SHEET_H_
