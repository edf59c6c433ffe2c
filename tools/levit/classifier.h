// From files to answers: decoding, resizing and the network, for one worker.
#ifndef LEVIT_TOOLS_LEVIT_CLASSIFIER_H_
#define LEVIT_TOOLS_LEVIT_CLASSIFIER_H_

#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/common/input_list.h"
#include "tools/common/model_file.h"
#include "tools/levit/verdict.h"
#include "tools/picture/picture.h"

namespace levit::tools {

struct ClassifyOptions {
  levit_resize resize = LEVIT_RESIZE_SQUASH;
  bool ignore_orientation = false;
  UnsureBand band;
};

// Where the time of a classifier went, in seconds.
struct Times {
  double decode = 0, resize = 0, network = 0;
};

// A picture file as pixels, or why there are none.
struct Decoded {
  Picture picture;
  std::string error;   // not empty: the picture is not there
  double seconds = 0;  // that decoding took
};
Decoded decode(const std::string& path, bool ignore_orientation);

class Classifier {
 public:
  // `run`: batch, target and threads of the context. `model` must outlive this.
  Classifier(const ModelFile& model, const levit_options& run, const ClassifyOptions& options);

  // The answers for inputs[0 .. count), one for each picture and one for each tensor of an .npy file, in
  // their order. What goes wrong with an input is in its answer. Pictures go through the network `run.batch`
  // at a time. `first`, when not null, is inputs[0], decoded before.
  std::vector<Answer> classify(const Input* inputs, size_t count, Decoded* first = nullptr);

  const Times& times() const { return times_; }

 private:
  void load(const Input& input, Decoded* decoded, std::vector<Answer>& answers);
  void resize(Decoded decoded, Answer& answer);
  void classify_tensors(const std::string& path, std::vector<Answer>& answers);
  void run_pending(std::vector<Answer>& answers);
  void finish(const float* logits, Answer& answer) const;

  const levit_model* model_;
  ClassifyOptions options_;
  Context context_;
  std::vector<uint8_t> pixels_;   // [batch][224][224][3]: pictures that wait for the network
  std::vector<size_t> pending_;   // their answers
  std::vector<uint8_t> scratch_;  // of levit_preprocess
  std::vector<float> tensor_;     // [3][224][224] of an .npy file
  std::vector<float> logits_;     // [batch][classes]
  Times times_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_CLASSIFIER_H_
