// The model's predictions for the pictures of a data set, for one worker.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_

#include "levit.hpp"
#include "tools/levit/evaluate/prediction.h"
#include "tools/levit/evaluate/run.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {

class Predictor {
 public:
  // `run`: target and threads of the context. `model` must outlive this.
  // With options.robust also after each of robust_changes(), with options.doubt the other steady views and,
  // where the model has it, familiarity; the reader must keep whole pictures for either. `options` must
  // outlive this.
  Predictor(const levit_model* model, const levit_options& run, const SampleReader& reader,
            const RunOptions& options)
      : info_(info(model)), context_(model, run), reader_(reader), options_(options) {}

  // Fills in what is not known yet of a picture; with an error it stays as it is. What goes wrong is in the
  // prediction.
  Prediction predict(const Prediction& picture);

  const StageTimes& times() const { return times_; }

 private:
  // features: where they go in the same pass; null: nowhere.
  std::vector<float> logits(levit_input input, std::vector<float>* features = nullptr);
  void doubt(const Sample& sample, const std::vector<uint8_t>& plain, Prediction& result);
  void look(const Sample& sample, Prediction& result);

  levit_info info_;
  Context context_;
  SampleReader reader_;
  const RunOptions& options_;
  StageTimes times_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_PREDICTOR_H_
