// From inputs to verdicts: reading, resizing and the network, for one worker.
#ifndef LEVIT_TOOLS_LEVIT_CLASSIFIER_H_
#define LEVIT_TOOLS_LEVIT_CLASSIFIER_H_

#include <exception>
#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/levit/sample_reader.h"
#include "tools/levit/verdict.h"

namespace levit::tools {

// A picture that was decoded while the model was loaded: its sample, or what decoding threw.
struct Decoded {
  Sample sample;
  std::exception_ptr failure;
};

class Classifier {
 public:
  // `run`: batch, target and threads of the context. `model` must outlive this. `views`: of each picture
  // (steady_view()); for more than one the reader must keep whole pictures. A tensor has one view.
  Classifier(const levit_model* model, const levit_options& run, const SampleReader& reader,
             levit_resize resize, const UnsureBand& band, size_t views = 1);

  // The verdicts on inputs[0 .. count), one for each picture and one for each tensor of an .npy file, in
  // their order. What goes wrong with an input is in its verdict. Pictures go through the network `run.batch`
  // at a time. `first`, unless null, is inputs[0].
  std::vector<Verdict> classify(const Input* inputs, size_t count, Decoded* first = nullptr);

  const StageTimes& times() const { return times_; }

 private:
  void load(const Input& input, Decoded* decoded, std::vector<Verdict>& verdicts);
  void classify_views(const Sample& sample, std::vector<Verdict>& verdicts);
  void classify_tensor(const Sample& sample, std::vector<Verdict>& verdicts);
  void run_pending(std::vector<Verdict>& verdicts);
  levit_status pass(levit_input input, size_t count);  // to logits_ and features_
  size_t batch() const { return pixels_.size() / kSampleValues; }
  void run(levit_input input, const Sample* samples, size_t count, Verdict* verdicts);

  void measure(Verdict& verdict, const float* features) const;

  SampleReader reader_;
  levit_resize resize_;
  UnsureBand band_;
  size_t views_;
  bool familiarity_;  // the model has it
  Context context_;
  std::vector<uint8_t> pixels_;  // [batch][224][224][3]: pictures that wait for the network
  std::vector<Sample> pending_;  // what else is known of them
  std::vector<size_t> places_;   // of their verdicts
  std::vector<float> logits_;    // [batch][classes]
  std::vector<float> features_;  // [batch][dims[2]], with familiarity_
  StageTimes times_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_CLASSIFIER_H_
