// Ways of pytorch-grad-cam and shap to smooth an explanation.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_SMOOTHING_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_SMOOTHING_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "levit.hpp"
#include "tools/draw/heat.h"

namespace levit::tools {

// pytorch-grad-cam's eigen_smooth: the weighted activations (channel by channel what the method's map sums
// up) seen along their first principal component instead of summed. activation and gradient
// [side * side][channels]. The sign of a component is arbitrary there; here it is that of the sum.
Grid eigen_smoothed(levit_cam_method method, const std::vector<float>& activation,
                    const std::vector<float>& gradient, size_t side);

// Columns mirrored, of every plane [side][side].
std::vector<float> mirrored(const std::vector<float>& planes, size_t side);

// pytorch-grad-cam's aug_smooth: calls view() with the normalised tensor and its mirror image, each
// multiplied by 0.9, 1 and 1.1; `mirrored` says that what comes of it is to be mirrored back.
void for_each_augmentation(const std::vector<float>& tensor,
                           const std::function<void(const std::vector<float>& tensor, bool mirrored)>& view);

struct NoisyShap {
  const std::vector<const float*>& backgrounds;  // [3][224][224] each
  size_t samples, batch;
  uint32_t seed;
  double noise;  // standard deviation
  // Called with the samples done; true: cancel, which throws levit::Error(LEVIT_CANCELLED).
  std::function<bool(size_t done)> progress;
};

// levit_shap with shap's local_smoothing: every sample starts from the picture plus Gaussian noise of its
// own. The backgrounds and positions drawn are those of levit_shap with the same seed. values [3][224][224].
levit_attribution noisy_shap(Context& context, const std::vector<float>& tensor,
                             const std::vector<float>& direction, const NoisyShap& options,
                             std::vector<float>& values);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_SMOOTHING_H_
