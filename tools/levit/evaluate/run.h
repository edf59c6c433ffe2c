// The run of a model over a data set: in memory, or into a file of predictions that can go on where it was.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_

#include <string>

#include "tools/common/model_file.h"
#include "tools/levit/evaluate/prediction.h"

namespace levit::tools {

// The checksum of a weight file in the form that `levit info` shows.
std::string checksum_text(const ModelFile& model);

struct RunOptions {
  levit_resize resize = LEVIT_RESIZE_SQUASH;
  bool ignore_orientation = false;
  size_t largest_area = 0;  // pixels of a picture
  const char* target = nullptr;
  size_t threads = 0;
  std::string output;  // file of predictions, or empty
  bool resume = false, robust = false, doubt = false, equalise = false;
  Shard shard;
  bool times = false;
};

// Predictions of the shard of `pictures`, which are sorted by their paths; fewer when Ctrl-C came. Failures
// are named on standard error. Throws std::runtime_error.
PredictionFile predict_all(const ModelFile& model, const std::vector<Prediction>& pictures,
                           const RunOptions& options);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_
