// What `levit finetune` can be asked.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_ARGUMENTS_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_ARGUMENTS_H_

#include <string>
#include <vector>

#include "tools/levit/finetune/head_fit.h"
#include "tools/levit/train/options.h"

namespace CLI {
class App;
}

namespace levit::tools {

struct FinetuneArguments {
  std::vector<std::string> data;
  std::string labels_csv, output, cache, model, target, name, shard;
  std::vector<std::string> merged;  // caches of shards
  std::string head = "linear", solver = "adamw", class_weights = "none";
  double held_out = 0.2;
  size_t threads = 0, batch = 16, views = 0, megapixels = 100;
  bool no_cache = false, ignore_orientation = false, equalise = false, json = false;
  bool familiarity = false, familiarity_only = false, adversarial = false;
  std::string epsilon = "2/255";
  size_t attack_steps = 10, rounds = 2;
  FitOptions fit;
  TrainArguments train;
};

// `arguments` must outlive the parsing.
void add_finetune_flags(CLI::App& app, FinetuneArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_ARGUMENTS_H_
