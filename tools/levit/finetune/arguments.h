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

struct FinetuneArguments : LearningArguments {
  std::string cache, shard, head = "linear", scaling = "best";
  std::vector<std::string> merged;  // caches of shards
  bool no_cache = false, familiarity = false, familiarity_only = false, adversarial = false;
  std::string epsilon = "2/255";
  size_t attack_steps = 10, rounds = 2;
  TrainArguments train;
};

// `arguments` must outlive the parsing.
void add_finetune_flags(CLI::App& app, FinetuneArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_ARGUMENTS_H_
