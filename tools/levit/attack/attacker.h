// Adversarial examples in the L-infinity ball: small changes of pixels that make a model wrong.
#ifndef LEVIT_TOOLS_LEVIT_ATTACK_ATTACKER_H_
#define LEVIT_TOOLS_LEVIT_ATTACK_ATTACKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "levit.hpp"

namespace levit::tools {

// Pixels are [3][224][224] in [0, 1], before normalisation, and so is epsilon, the largest change of one.
// What an attack returns lies within epsilon of the pixels and in [0, 1].
class Attacker {
 public:
  // `run`: target and threads; features are set here. `model` must outlive this.
  Attacker(const levit_model* model, levit_options run);

  // The label that is said of pixels.
  size_t judge(const std::vector<float>& pixels);

  // What the head sees of pixels: levit_features.
  std::vector<float> features(const std::vector<float>& pixels);

  const levit_context* context() const { return context_.get(); }

  // One step of epsilon up the sign of the gradient of the cross-entropy (Goodfellow et al. 2015,
  // arXiv 1412.6572).
  std::vector<float> fgsm(const std::vector<float>& pixels, size_t truth, float epsilon);

  // `steps` steps of 2.5 epsilon / steps, each projected into the ball, from a random place in it (Madry et
  // al. 2018, arXiv 1706.06083). Ends at the first place where the model is wrong.
  std::vector<float> pgd(const std::vector<float>& pixels, size_t truth, float epsilon, size_t steps,
                         uint64_t seed);

 private:
  void normalise(const std::vector<float>& pixels);
  std::vector<float> direction(size_t truth);
  // Gradient of the cross-entropy up to a positive factor, with respect to the pixels; *right says whether
  // the model says the truth there.
  const std::vector<float>& gradient(const std::vector<float>& pixels, size_t truth, bool* right);
  size_t label_of(const std::vector<float>& logits) const;

  Context context_;
  levit_info info_;
  std::vector<float> tensor_, gradient_;  // [3][224][224]
};

// An epsilon as it is given, "2/255" or "0.01". Throws std::runtime_error for what is not in (0, 1].
float parse_epsilon(const std::string& text);

// Pixels of rgb [224][224][3], and rgb of pixels: rounded, but no further from `original` than epsilon allows
// in whole steps of 1 / 255.
std::vector<float> pixels_of(const std::vector<uint8_t>& rgb);
std::vector<uint8_t> rgb_of(const std::vector<float>& pixels, const std::vector<uint8_t>& original,
                            float epsilon);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_ATTACK_ATTACKER_H_
