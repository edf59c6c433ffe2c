#include "tools/levit/evaluate/mistakes.h"

#include <algorithm>
#include <exception>

#include "tools/draw/png.h"
#include "tools/levit/commands.h"
#include "tools/levit/explain/explainer.h"
#include "tools/levit/explain/sheet.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {
namespace {

constexpr size_t kSide = 320;  // pixels of the larger side
constexpr int kQuality = 85;

// Not enlarged.
Canvas small(const Canvas& canvas) {
  if (std::max(canvas.width, canvas.height) <= kSide) return canvas;
  const PanelSize size = panel_size(canvas.width, canvas.height, kSide);
  return resized(canvas, size.width, size.height);
}

}  // namespace

std::vector<Mistake> show_mistakes(const ModelFile& model, const Evaluation& all, const char* target,
                                   size_t largest_area) {
  levit_options run = levit_default_options();
  run.target = target;
  Explainer explainer(model.model(), run, {});
  const SampleReader reader(model.model(), target, chosen_resize(all.header.resize, model.info().resize),
                            {all.header.ignore_orientation, true, largest_area});
  std::vector<Mistake> shown;
  for (size_t i = 0; i < std::min(kMistakesShown, all.mistakes.size()); ++i) {
    Mistake mistake = {all.mistakes[i], {}, {}};
    try {
      reader.read({all.predictions[mistake.row].path, ""}, [&](Sample& sample) {
        if (sample.rgb.empty()) return false;
        const Explanation explanation =
            explainer.explain(sample, Method::kGradCam, all.scores.predicted[mistake.row]);
        const Canvas whole = sample_picture(sample, model.info()), picture = small(whole);
        const levit_window window = scaled_window(sample.window, whole, picture);
        mistake.picture = jpeg_bytes(picture, kQuality);
        mistake.heat = jpeg_bytes(draw_overlay(picture, window, explanation), kQuality);
        return false;
      });
    } catch (const std::exception&) {  // the report says that it is not there
      mistake.picture.clear();
    }
    shown.push_back(std::move(mistake));
  }
  return shown;
}

}  // namespace levit::tools
