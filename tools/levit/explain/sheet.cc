// What stands in the panels of a sheet: titles, legends and numbers of every method.
#include "tools/levit/explain/sheet.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

constexpr size_t kPanelSide = 480;
constexpr double kSoftening = 2.5;    // pixels of the network's view; single pixels are too small to see
constexpr double kFullShare = 0.999;  // of the magnitudes stay below full colour, as shap's image_plot has it

std::string significant(double value, const char* format = "%.3g") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Signed values as they are drawn.
struct Softened {
  Grid grid;
  float scale;
};
Softened softened(const Explanation& explanation) {
  Softened result = {blurred(explanation.map, kSoftening), 0};
  result.scale = absolute_percentile(result.grid.values, kFullShare);
  return result;
}

std::string joined_layers(const Explanation& explanation) {
  std::string text = explanation.layers.size() > 1 ? "mean of " : "";
  for (size_t i = 0; i < explanation.layers.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::string(layer_flag(explanation.layers[i]));
  }
  return text;
}

Panel cam_panel(const SheetContext& context, const Explanation& explanation, const std::string& label) {
  Panel panel;
  panel.detail = joined_layers(explanation) + (context.aug_smooth ? ", aug-smooth" : "") +
                 (context.eigen_smooth ? ", eigen-smooth" : "") + ", for " + label;
  panel.legend = Legend::kHeat;
  panel.low = "no evidence for " + label;
  panel.high = "most";
  panel.notes = {"raw map from " + significant(static_cast<double>(explanation.low)) + " to " +
                 significant(static_cast<double>(explanation.high))};
  if (explanation.flat) panel.notice = "Flat map: no part speaks for " + label;
  return panel;
}

std::string sum_line(const levit_attribution& numbers) {
  const auto part = [](double value) { return fixed(value, 3); };
  return "logit " + part(numbers.score) + " = base " + part(numbers.base_value) + " + sum " +
         part(numbers.sum) + " + gap " + part(numbers.gap);
}

Panel pixel_panel(const SheetContext& context, const Explanation& explanation, float scale,
                  const std::string& label) {
  Panel panel;
  panel.legend = Legend::kSigned;
  const std::string end = significant(static_cast<double>(scale), "%.2g");
  panel.low = "against " + label + " -" + end;
  panel.high = "+" + end + " for " + label;
  switch (explanation.method) {
    case Method::kShap:
      panel.detail = counted(context.samples, "sample") + ", seed " + std::to_string(context.seed) +
                     (context.local_smoothing > 0 ? ", noise " + significant(context.local_smoothing) : "") +
                     ", for " + label;
      panel.notes = {sum_line(explanation.attribution),
                     "standard error of the sum " + fixed(explanation.attribution.standard_error, 3),
                     "against " + context.background};
      break;
    case Method::kIntegratedGradients:
      panel.detail = counted(context.steps, "step") + " from mean grey, for " + label;
      panel.notes = {sum_line(explanation.attribution)};
      break;
    default:
      panel.detail = "of the logit of " + label;
      panel.notes = {"channel sums from " + significant(static_cast<double>(explanation.low)) + " to " +
                     significant(static_cast<double>(explanation.high))};
  }
  panel.notes.emplace_back("drawn softened; --raw writes every pixel");
  if (explanation.flat) panel.notice = "No pixel changes the logit of " + label;
  return panel;
}

Panel explanation_panel(const SheetContext& context, const Canvas& picture, const levit_window& window,
                        const Explanation& explanation, const std::string& label) {
  Panel panel;
  if (is_cam(explanation.method)) {
    panel = cam_panel(context, explanation, label);
    panel.picture = heat_overlay(picture, window, explanation.map);
  } else {
    const Softened drawn = softened(explanation);
    panel = pixel_panel(context, explanation, drawn.scale, label);
    panel.picture = signed_overlay(picture, window, drawn.grid, drawn.scale);
  }
  panel.title = method_title(explanation.method);
  return panel;
}

std::vector<Share> ranked_shares(const SheetContext& context, const Verdict& verdict) {
  std::vector<Share> shares;
  for (size_t i = 0; i < verdict.probabilities.size(); ++i) {
    shares.push_back({context.labels[i], static_cast<double>(verdict.probabilities[i])});
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const Share& a, const Share& b) { return a.probability > b.probability; });
  return shares;
}

}  // namespace

Canvas draw_overlay(const Canvas& picture, const levit_window& window, const Explanation& explanation) {
  if (is_cam(explanation.method)) return heat_overlay(picture, window, explanation.map);
  const Softened drawn = softened(explanation);
  return signed_overlay(picture, window, drawn.grid, drawn.scale);
}

Canvas sample_picture(const Sample& sample, const levit_info& model) {
  Canvas canvas(sample.width, sample.height, {0, 0, 0});
  if (!sample.rgb.empty()) {
    std::copy_n(sample.picture.pixels.get(), canvas.rgb.size(), canvas.rgb.begin());
    return canvas;
  }
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < kPlane; ++i) {
      const float share = sample.tensor[c * kPlane + i] * model.std[c] + model.mean[c];
      canvas.rgb[3 * i + c] = static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0.0F, 1.0F)));
    }
  }
  return canvas;
}

Canvas draw_explanation_sheet(const SheetContext& context, const Canvas& picture, const Sample& sample,
                              const Verdict& verdict, size_t class_index,
                              const std::vector<Explanation>& explanations) {
  Sheet sheet;
  sheet.title = sample_name(sample.path, sample.index);
  sheet.subtitle = std::to_string(verdict.width) + " \u00D7 " + std::to_string(verdict.height) +
                   (sample.rgb.empty() ? " tensor" : " pixels as found, resized by " + context.resize);
  if (sample.incomplete) sheet.subtitle += ", incomplete";
  if (verdict.measured)
    sheet.subtitle += "; farther from the training pictures than " +
                      fixed(static_cast<double>(verdict.percentile), 1) + " % of them";
  if (!verdict.says.empty()) sheet.subtitle += "; file says: " + visible(file_says(verdict));
  sheet.settings = "levit " + std::string(levit_version()) + ", model " + context.model;
  sheet.shares = ranked_shares(context, verdict);
  sheet.unsure = verdict.unsure;
  sheet.verdict = (verdict.unsure ? "unsure: " : "") + context.labels[verdict.label] + " " +
                  fixed(100 * static_cast<double>(verdict.probabilities[verdict.label]), 1) + " %";

  const PanelSize size = panel_size(picture.width, picture.height, kPanelSide);
  const Canvas small = resized(picture, size.width, size.height);
  const levit_window window = scaled_window(sample.window, picture, small);
  Panel first;
  first.picture = small;
  first.title = "Picture";
  sheet.panels.push_back(first);
  for (const Explanation& explanation : explanations) {
    sheet.panels.push_back(
        explanation_panel(context, small, window, explanation, context.labels[class_index]));
  }
  return draw_sheet(sheet);
}

}  // namespace levit::tools
