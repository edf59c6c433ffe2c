// From features and labels to a head.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FIT_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/thread_pool.h"

namespace levit::tools {

// Some rows of a table of features.
struct LabelledRows {
  size_t width = 0;
  std::vector<const float*> rows;  // [width] each
  std::vector<uint32_t> labels;

  size_t count() const { return rows.size(); }
  void add(const float* row, uint32_t label) {
    rows.push_back(row);
    labels.push_back(label);
  }
};

struct TrainedHead {
  std::vector<float> weight;  // [classes][width]
  std::vector<float> bias;    // [classes]
};

enum class Solver { kAdamW, kSgd, kLbfgs };

// How AdamW and SGD see features: each divided by its deviation (levit_feature_scale), along the principal
// directions of the training rows, or in both ways, of which the one with the smaller held-out loss is kept
// (columns when nothing is held out). The head is one for features as they come.
enum class Scaling { kBest, kColumns, kWhitened };

struct FitOptions {
  size_t classes = 2;
  Solver solver = Solver::kAdamW;
  Scaling scaling = Scaling::kBest;
  size_t epochs = 50, batch = 64;
  double rate = 0;    // 0: default_rate()
  double warmup = 1;  // epochs
  double weight_decay = -1, momentum = 0.9,
         label_smoothing = 0;        // decay below 0: 0.05 for AdamW, 1e-4 for SGD
  double inverse_penalty = 1;        // L-BFGS: scikit-learn's C
  std::vector<float> class_weights;  // empty: all 1
  size_t patience = 10;              // epochs without a better held-out loss
  uint32_t seed = 0;
};
double default_rate(Solver solver);

// levit_cosine_rate with a warm-up in epochs of `epoch_steps` steps, of all `steps` at most.
double epoch_rate(double peak, double warmup_epochs, size_t epoch_steps, size_t step, size_t steps);

// Mean cross-entropy and hits of a head.
struct HeadScore {
  double loss = 0;
  size_t correct = 0, count = 0;
};
HeadScore score_head(const TrainedHead& head, const LabelledRows& rows);

struct HeadFit {
  TrainedHead head;
  size_t epochs = 0, best_epoch = 0;     // counted from 1; L-BFGS: iterations
  bool diverged = false;                 // the head is the last good one, if best_epoch > 0
  bool interrupted = false;              // by Ctrl-C; the head is the best so far
  bool whitened = false;                 // it was learned so
  double held_out_loss = 0;              // of the head, when there are held-out rows
  double first_loss = 0, last_loss = 0;  // of the objective: without a head, and in the last epoch
};

// Trains a head from zero. With held-out rows, the head of the epoch with the least held-out loss is kept,
// and training ends when `patience` epochs have not found a better one. The same bits for any number of
// threads.
HeadFit fit_head(const LabelledRows& training, const LabelledRows& held_out, const FitOptions& options,
                 ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FIT_H_
