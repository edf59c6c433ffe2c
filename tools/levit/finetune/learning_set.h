// What a head learns from and what it is measured on.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_LEARNING_SET_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_LEARNING_SET_H_

#include <string>
#include <vector>

#include "tools/levit/dataset/features.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// Whether a picture is held out: by its content alone, so that a duplicate never straddles, and a picture
// stays where it is when others come.
bool is_held_out(uint64_t content, double share);

struct LearningSet {
  LabelledRows training, held_out;            // refer to the table
  std::vector<uint64_t> training_content;     // of the picture of each row to train with
  std::vector<size_t> trained_by, held_by;    // pictures of each class
  size_t unreadable = 0, in_two_classes = 0;  // pictures
};

// Divides the table. Throws std::runtime_error with the cause when it cannot teach anything: one class only,
// a class without a picture to learn from, a class whose pictures are all the same file.
LearningSet make_learning_set(const Dataset& dataset, const FeatureTable& table, double held_out);

// 1 / frequency of each class, of mean 1 over the pictures: n / (classes * n[k]), as scikit-learn's
// "balanced".
std::vector<float> balanced_weights(const std::vector<size_t>& counts);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_LEARNING_SET_H_
