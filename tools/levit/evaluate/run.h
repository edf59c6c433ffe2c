// The run of a model over a data set: in memory, or into a file of predictions that can go on where it was.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_

#include <map>
#include <optional>
#include <string>

#include "tools/levit/evaluate/predictor.h"

namespace levit::tools {

struct RunOptions {
  PredictOptions predict;
  size_t threads = 0;
  std::string output;  // file of predictions, or empty
  bool resume = false;
  Shard shard;
  std::map<std::string, std::string> renamed;  // labels of the data by labels of the model
  std::string data;                            // as the user named it, for messages
  bool times = false;
};

// Predictions of the shard, in the order of their paths; fewer when Ctrl-C came. Failures are named on
// standard error. Throws std::runtime_error, among others for a label that the model does not know.
PredictionFile predict_all(const ModelFile& model, const DataSet& data, const RunOptions& options);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_RUN_H_
