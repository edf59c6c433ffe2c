// From one sample to its explanations.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_EXPLAINER_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_EXPLAINER_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/draw/heat.h"
#include "tools/levit/explain/method.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {

struct ExplainOptions {
  std::vector<levit_layer> layers = {LEVIT_STAGE1};
  size_t samples = 200, steps = 64;
  uint32_t seed = 0;
  bool aug_smooth = false, eigen_smooth = false;  // class activation maps: see smoothing.h
  double local_smoothing = 0;                     // SHAP: standard deviation of the noise on each sample
  // Normalised tensors [3][224][224]; empty: a blurred copy of the picture and the mean grey.
  std::vector<std::vector<float>> backgrounds;
};

struct Explanation {
  Method method = Method::kGradCam;
  std::vector<levit_layer> layers;  // of a class activation map
  std::vector<Grid> raw;            // the signed map of each layer
  std::vector<float> values;        // a pixel attribution [3][224][224]; empty for class activation maps
  Grid map;                         // to be drawn: heat in [0, 1], or signed values summed over channels
  float low = HUGE_VALF, high = -HUGE_VALF;  // range of the raw maps, or of `map` for a pixel attribution
  bool flat = false;                         // nothing speaks for the class
  levit_attribution attribution{};           // SHAP and integrated gradients
  bool complete() const { return method == Method::kShap || method == Method::kIntegratedGradients; }
};

// The picture behind default backgrounds and faithfulness curves: each channel blurred by a Gaussian of 16
// pixels, the distance of two tokens of the first grid.
std::vector<float> blurred_tensor(const std::vector<float>& tensor);

// What a class activation map of several layers holds of one of them.
Explanation of_layer(const Explanation& explanation, size_t layer);

// Channel sums of [3][224][224].
Grid channel_sums(const std::vector<float>& values);

class Explainer {
 public:
  // `run`: threads, batch, progress and target; features are set here. `model` must outlive this.
  Explainer(const levit_model* model, levit_options run, const ExplainOptions& options);

  std::vector<float> logits(const Sample& sample) { return context_.classify(sample.input()); }

  // Explains the logit of a class; the sample has its tensor. Throws levit::Error, among others when
  // cancelled.
  Explanation explain(const Sample& sample, Method method, size_t class_index);

  Context& context() { return context_; }

 private:
  // Raw maps of the layers and what is drawn of them.
  struct Cam {
    std::vector<Grid> raw;
    Grid map;
    bool flat;
  };
  Grid raw_map(levit_input input, const std::vector<float>& direction, Method method, levit_layer layer);
  Grid class_map(levit_input input, const std::vector<float>& direction);
  Cam cam(levit_input input, const std::vector<float>& direction, Method method);
  Cam smoothed_cam(const std::vector<float>& tensor, const std::vector<float>& direction, Method method);
  void explain_cam(const Sample& sample, const std::vector<float>& direction, Explanation& result);
  void explain_shap(const Sample& sample, const std::vector<float>& direction, Explanation& result);

  const levit_options run_;
  Context context_;
  const ExplainOptions options_;
  levit_info info_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_EXPLAINER_H_
