// A linear probe (Alain and Bengio 2017, arXiv 1610.01644): how well a linear classifier tells the classes
// apart from what one layer of the network sees.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_PROBE_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_PROBE_H_

#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/evaluate/prediction.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {

struct ProbedLayer {
  std::string layer;                // "stem", "stage0", ...
  size_t width;                     // features: the mean over the tokens of each channel
  size_t trained, held_out, right;  // pictures: learned from, asked about, and right of those
};

// Logistic regression (C = 1) on four fifths of the pictures, asked about the fifth that the content of the
// files holds out, for the stem and the three stages. Pictures that cannot be read are left out. Throws
// std::runtime_error when a class has no picture to learn from.
std::vector<ProbedLayer> probe_layers(const ModelFile& model, const std::vector<Prediction>& pictures,
                                      const SampleReader& reader, size_t threads, const char* target);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_PROBE_H_
