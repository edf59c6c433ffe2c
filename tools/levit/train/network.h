// The trainer of the library with the memory and threads that a program gives it.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_NETWORK_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_NETWORK_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "levit.hpp"
#include "tools/common/model_file.h"
#include "tools/common/thread_pool.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// What training begins with: the base model. The head of one logit becomes one of two classes with the same
// probabilities; where the classes are others, or there is no head, it is one of zeros.
class StartModel {
 public:
  StartModel(const ModelFile& base, const std::vector<std::string>& labels);
  const levit_model* model() const { return model_; }
  const std::string& change() const { return change_; }  // in words, behind the base's name; empty without
  bool knows_classes() const { return knows_classes_; }  // the head is the base's

 private:
  std::string change_;
  bool knows_classes_ = true;
  std::optional<Memory> image_;
  const levit_model* model_;
};

struct StepResult {
  levit_status status = LEVIT_OK;  // or LEVIT_DIVERGED
  double loss = 0, norm = 0;       // given all the same
  size_t correct = 0;
};

class NetworkTrainer {
 public:
  // options: threads and parallel_for are set here. The model need not stay.
  NetworkTrainer(const levit_model* model, const levit_train_options& options, ThreadPool& pool);

  size_t bytes() const { return arena_.bytes(); }
  const levit_model* model() const { return levit_train_model(trainer_); }

  // rgb [labels.size()][224][224][3]
  StepResult step(const uint8_t* rgb, const std::vector<uint32_t>& labels, double rate);

  // Has the mean of the weights in model() while it lives, where one is kept.
  class UseMean {
   public:
    explicit UseMean(NetworkTrainer& network);
    ~UseMean();
    UseMean(const UseMean&) = delete;
    UseMean& operator=(const UseMean&) = delete;

   private:
    NetworkTrainer& network_;
  };

  // Everything that the next step depends on; valid until the next call that changes something.
  std::string_view state();
  void restore(std::string_view state);

 private:
  levit_train_options options_;
  Memory arena_;
  levit_trainer* trainer_ = nullptr;
};

// The weight file of a model, with another name and note.
std::vector<uint8_t> exported(const levit_model* model, const std::string& name, const std::string& note);

// Mean cross-entropy of some pictures and how many are right. `sample` writes the picture of that index to
// out [224][224][3]; a std::runtime_error leaves it out and goes to failed(index, cause). Throws Interrupted
// after Ctrl-C. The same bits for any number of threads.
struct Examples {
  size_t count = 0;
  std::function<void(size_t index, size_t worker, uint8_t* out)> sample;
  std::function<uint32_t(size_t index)> label;
  std::function<void(size_t index, const std::string& cause)> failed;
};
HeadScore score_network(const levit_model* model, const Examples& examples, const char* target, size_t batch,
                        ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_NETWORK_H_
