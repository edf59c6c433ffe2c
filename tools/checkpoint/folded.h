// A LeViT after folding: every layer one matrix and one bias, both heads one linear map. Between the
// checkpoint readers (any source) and the writer of .levit files.
#ifndef LEVIT_TOOLS_CHECKPOINT_FOLDED_H_
#define LEVIT_TOOLS_CHECKPOINT_FOLDED_H_

#include <string>
#include <vector>

#include "weights/architecture.h"
#include "weights/reader.h"

namespace levit::tools {

struct FoldedLayer {
  std::vector<double> weight;  // [outputs, depth] as weights::Layer says; convolutions [out][ky][kx][in]
  std::vector<double> bias;    // [outputs]
  std::vector<double> table;   // [heads, grid * grid], or empty
};

struct FoldedModel {
  weights::Config config{};
  std::vector<FoldedLayer> layers;  // in the order of weights::list_layers
  bool one_logit = false;           // a sigmoid: one class
  bool no_head = false;             // no classifier: one class, whose weights are zero
  std::vector<std::string> labels;  // one per class; for one logit the negative and the positive side
  std::string name;
  std::string note;  // what it was trained on
  weights::Preprocessing preprocessing{
      {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, weights::Resize::kSquash};
  float temperature = 1.0f;
};

// The layers that `config` asks for, all zero.
std::vector<FoldedLayer> zero_layers(const weights::Config& config);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_FOLDED_H_
