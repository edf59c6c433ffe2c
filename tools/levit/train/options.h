// What `levit finetune --train` can be asked beside what `levit finetune` can.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_OPTIONS_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_OPTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "levit.h"
#include "tools/levit/finetune/head_fit.h"

namespace CLI {
class App;
}

namespace levit::tools {

struct TrainArguments {
  // Flags of --train alone.
  std::string part;                  // head, stage2, stage1, all; empty: a head on cached features
  std::vector<std::string> sources;  // DIR or DIR:WEIGHT
  std::string log, report;
  double minutes = 0;     // 0: by epochs
  double save_every = 5;  // minutes
  double mean = 0, clip = 1, layer_decay = 1;
  bool balance = false, resume = false;
  // Those of finetune that mean the same; they are filled when all flags are read.
  std::vector<std::string> data;
  std::string labels_csv, output, model, target, name, solver, class_weights;
  double held_out = 0;
  size_t threads = 0, batch = 0, views = 0, megapixels = 0;
  bool ignore_orientation = false, equalise = false, json = false;
  FitOptions fit;  // epochs, rate, warmup (below 0: as is best), momentum, decay, smoothing, patience, seed
  bool epochs_given = false, warmup_given = false;
};

// Adds the flags to those of finetune, which must be there: with and without --train a different part of them
// can be given, and wrong usage is said by name. `arguments` must outlive the parsing.
void add_train_flags(CLI::App& app, TrainArguments& arguments);

// Gives flags that were not given the defaults of --train. Throws UsageError when flags contradict each
// other.
void complete(TrainArguments* train);

// What was given for --train, with the flags of all of finetune.
template <typename Finetune>
TrainArguments train_arguments(const Finetune& all) {
  TrainArguments train = all.train;
  train.data = all.data;
  train.labels_csv = all.labels_csv;
  train.output = all.output;
  train.model = all.model;
  train.target = all.target;
  train.name = all.name;
  train.solver = all.solver;
  train.class_weights = all.class_weights;
  train.held_out = all.held_out;
  train.threads = all.threads;
  train.batch = all.batch;
  train.views = all.views;
  train.megapixels = all.megapixels;
  train.ignore_orientation = all.ignore_orientation;
  train.equalise = all.equalise;
  train.json = all.json;
  train.fit = all.fit;
  complete(&train);
  return train;
}

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
