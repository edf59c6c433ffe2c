// What `levit finetune --train` can be asked beside what `levit finetune` can.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_OPTIONS_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_OPTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "levit.h"
#include "tools/levit/finetune/head_fit.h"
#include "tools/picture/picture.h"

namespace CLI {
class App;
}

namespace levit::tools {

// What both ways of learning are asked, a head on cached features and --train.
struct LearningArguments {
  std::vector<std::string> data;
  std::string labels_csv, output, model, target, name, solver = "adamw", class_weights = "none";
  double held_out = 0.2;
  size_t threads = 0, batch = 16, views = 0;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  bool ignore_orientation = false, equalise = false, json = false;
  FitOptions fit;
};

struct TrainArguments : LearningArguments {  // warmup below 0: as is best
  std::string part;                          // head, stage2, stage1, all; empty: a head on cached features
  std::vector<std::string> sources;          // DIR or DIR:WEIGHT
  std::string log, report;
  double minutes = 0;     // 0: by epochs
  double save_every = 5;  // minutes
  double mean = 0, clip = 1, layer_decay = 1;
  bool balance = false, resume = false;
  bool epochs_given = false, warmup_given = false;
};

// Adds the flags to those of finetune, which must be there: with and without --train a different part of them
// can be given, and wrong usage is said by name. `arguments` must outlive the parsing.
void add_train_flags(CLI::App& app, TrainArguments& arguments);

// The flags of --train with those of all of finetune, and the defaults of --train for what was not given.
// Throws UsageError when flags contradict each other.
TrainArguments train_arguments(const LearningArguments& shared, TrainArguments train);

// Of a context that does for training: the instruction set, and what is default.
levit_options context_options(const TrainArguments& arguments);

// The options of the library; parallel_for is the caller's to set. class_weights may be empty.
levit_train_options library_options(const TrainArguments& arguments, const std::vector<float>& class_weights);

// The rate at its highest: that of --rate, or one that suits the optimiser and the part.
double peak_rate(const TrainArguments& arguments);

// Epochs in which the rate rises.
double warmup_epochs(const TrainArguments& arguments);

// Name and value of every option that decides the bits; target: the instruction set in use.
std::vector<std::pair<std::string, std::string>> deciding_options(const TrainArguments& arguments,
                                                                  const std::vector<double>& source_weights,
                                                                  const std::string& target);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_OPTIONS_H_
