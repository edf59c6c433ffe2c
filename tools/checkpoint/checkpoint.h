// A trained LeViT in whatever file its training left: safetensors or PyTorch, in the names of any
// implementation.
#ifndef LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_
#define LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

struct Checkpoint {
  StateDict tensors;         // in timm's names, views into the file
  SourceNames source_names;  // the file's own names of them
  std::string container;     // "safetensors"
  std::string layout;        // whose names: "timm"
  std::string place;  // of the tensors in the file: "state_dict_ema", "prefix module."; empty for all of it
  std::vector<std::string> ignored;  // what the file holds beside the network
};

// What the bytes are is told by the bytes, never by the file's name. Of several state dicts, state_dict_ema
// is preferred, then state_dict, model_state_dict, model. Executes nothing, allocates in proportion to the
// file. Throws std::runtime_error naming the cause.
Checkpoint read_checkpoint(std::string_view file);

// read_checkpoint() and fold().
FoldedModel load_checkpoint(std::string_view file);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_
