// The model's predictions for the pictures of a data set, for one worker.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_

#include <vector>

#include "levit.hpp"
#include "tools/common/model_file.h"
#include "tools/levit/evaluate/prediction.h"

namespace levit::tools {

struct PredictOptions {
  levit_resize resize = LEVIT_RESIZE_SQUASH;
  bool ignore_orientation = false;
  const char* target = nullptr;
};

// Where the time of a worker went, in seconds.
struct StageTimes {
  double decode = 0, resize = 0, network = 0;
};

class Predictor {
 public:
  // `model` must outlive this.
  Predictor(const ModelFile& model, const PredictOptions& options);

  // Fills in what is not known yet of a picture; with an error it stays as it is. What goes wrong is in the
  // prediction.
  Prediction predict(const Prediction& picture);

  const StageTimes& times() const { return times_; }

 private:
  void look(Prediction& result);

  PredictOptions options_;
  Context context_;
  StageTimes times_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_
