// What an evaluation keeps of one picture, and the files of such lines that shards write and --merge reads.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTION_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTION_H_

#include <array>
#include <string>
#include <vector>

#include "tools/common/shard.h"
#include "tools/levit/evaluate/facts.h"

namespace levit::tools {

struct Prediction {
  std::string path, source;
  size_t truth = 0;              // class of the model
  std::string error;             // not empty: there is no prediction; the rest is unset
  std::vector<float> logits;     // [classes]
  size_t width = 0, height = 0;  // as found, upright
  FileFacts facts;
  std::array<float, 3> colour{};           // mean R, G, B of what the network sees, in [0, 255]
  std::vector<std::vector<float>> robust;  // logits after each change of --robust; empty without
  std::vector<std::vector<float>> views;   // logits of each further view of --doubt; empty without
  float distance = -1;                     // of --doubt, where the model knows familiarity
};

// What all shards of one evaluation have in common; the first line of a file of predictions.
struct PredictionHeader {
  std::string model, checksum;      // name and checksum of the weight file
  std::vector<std::string> labels;  // of the classes
  double temperature = 1;
  std::string resize;
  bool ignore_orientation = false, equalise = false;
  std::vector<std::string> changes;  // of --robust
  size_t views = 0;                  // of --doubt, beside the plain one
  size_t total = 0;                  // pictures of all shards
  std::string list;                  // checksum of their paths and labels
  Shard shard;

  // Whether the two can be parts of one evaluation.
  bool fits(const PredictionHeader& other) const;
};

std::string header_line(const PredictionHeader& header);
std::string prediction_line(const Prediction& prediction);

// A file of predictions; a last line without an end is dropped, as a killed run leaves it.
struct PredictionFile {
  PredictionHeader header;
  std::vector<Prediction> predictions;
  size_t bytes = 0;  // of the complete lines
};

// Throws std::runtime_error "path: cause".
PredictionFile read_predictions(const std::string& path);

// The predictions of all parts in the order of their paths. Throws std::runtime_error that names the part
// which is of another evaluation, incomplete, or there twice, and the shards that are missing.
PredictionFile merge_predictions(const std::vector<std::string>& paths);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTION_H_
