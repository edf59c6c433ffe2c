// The most confident mistakes of an evaluation as small pictures, each with what spoke for the wrong class.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_MISTAKES_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_MISTAKES_H_

#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/evaluate/evaluation.h"

namespace levit::tools {

struct Mistake {
  size_t row;                    // of the evaluation
  std::vector<uint8_t> picture;  // JPEG files; empty when the picture is not there any more
  std::vector<uint8_t> heat;     // Grad-CAM of stage 1 for the class that was said
};

inline constexpr size_t kMistakesShown = 12;

// The first kMistakesShown of all.mistakes.
std::vector<Mistake> show_mistakes(const ModelFile& model, const Evaluation& all, const char* target,
                                   size_t largest_area);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_MISTAKES_H_
