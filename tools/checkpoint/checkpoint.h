// A trained LeViT in whatever file its training left: safetensors or PyTorch, in the names of any
// implementation, with whatever classifier was put on it.
#ifndef LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_
#define LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/checkpoint/configuration.h"
#include "tools/checkpoint/folded.h"
#include "tools/checkpoint/head.h"
#include "tools/checkpoint/network.h"
#include "tools/checkpoint/normalisation.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

struct ReadOptions {
  std::string key;  // the dict or prefix of the network; empty: choose_network()'s choice
  HeadChoice head;
};

struct Checkpoint {
  StateDict tensors;         // in timm's names, views into the file; the classifier's are
                             // {head,head_dist}.{linear,bn,bn_behind}.* as far as it has them
  SourceNames source_names;  // the file's own names of them
  Configuration configuration;
  Family family = Family::kTimm;
  Head head;
  std::optional<Normalisation> normalisation;  // that the model does itself
  std::string container;                       // "safetensors"
  std::string layout;                          // whose names: "timm"
  std::string place;                 // in front of the body's names: "state_dict.model."; empty for none
  std::vector<std::string> ignored;  // tensors that the file holds beside the network
  std::vector<std::string> other_networks;  // where other LeViTs lie in it
};

// The network among the tensors of a file. Throws std::runtime_error naming the cause.
Checkpoint find_checkpoint(const StateDict& dict, const ReadOptions& options = {});

// What the bytes are is told by the bytes, never by the file's name. Executes nothing, allocates in
// proportion to the file. Throws std::runtime_error naming the cause.
Checkpoint read_checkpoint(std::string_view file, const ReadOptions& options = {});

// read_checkpoint() and fold().
FoldedModel load_checkpoint(std::string_view file, const ReadOptions& options = {});

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_CHECKPOINT_H_
