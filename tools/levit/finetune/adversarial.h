// Pictures changed so that a head is wrong about them (PGD through the input gradient), as features to learn
// from.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_ADVERSARIAL_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_ADVERSARIAL_H_

#include <functional>
#include <string>
#include <vector>

#include "tools/levit/dataset/features.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

struct AdversarialOptions {
  float epsilon = 0;  // of pixels in [0, 1]
  size_t steps = 10;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  size_t threads = 1;
  std::string target;
  ViewOptions view;
};

// What came of one picture of a dataset.
struct AttackedPicture {
  size_t index = 0;  // of the dataset
  bool right = false, right_after = false;
  std::vector<float> features;  // after the attack
};

// Attacks the pictures that can be read and whose content is wanted, with the head on the base's backbone; in
// their order, with the same bits for any number of threads. `salt`: of PGD's random start. Draws progress;
// after Ctrl-C pictures are missing.
std::vector<AttackedPicture> attack_pictures(const ModelFile& base, const TrainedHead& head,
                                             const Dataset& dataset, const FeatureTable& table,
                                             const AdversarialOptions& options, uint64_t salt,
                                             const std::function<bool(uint64_t content)>& wanted);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_ADVERSARIAL_H_
