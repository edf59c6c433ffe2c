// The classifier that people put on a LeViT, wherever it lies and whatever it is called: one linear map of
// the pooled channels, with batch norms around it or without, or two such maps whose mean is taken.
#ifndef LEVIT_TOOLS_CHECKPOINT_HEAD_H_
#define LEVIT_TOOLS_CHECKPOINT_HEAD_H_

#include <string>
#include <vector>

#include "tools/checkpoint/network.h"

namespace levit::tools {

// Names of modules in the file: their tensors are the name, a dot and "weight", "bias", "running_mean", ...
struct LinearHead {
  std::string root;    // the module that is the head: "classifier"
  std::string linear;  // its linear map, [classes, channels] with or without 1s behind: "classifier.1"
  std::string front;   // batch norm of the channels in front of it, or empty
  std::string behind;  // batch norm of the classes behind it, or empty
};

struct Head {
  std::vector<LinearHead> maps;     // none: no classifier; two: the mean of both
  std::vector<std::string> used;    // names of all tensors in the modules of `maps`
  std::vector<std::string> left;    // other modules that could be a classifier
  std::vector<std::string> alien;   // tensors within the network that are none of a LeViT's
  std::vector<std::string> beside;  // other tensors outside it, in the same state dict
};

struct HeadChoice {
  std::string key;    // the module that is the head, or two with a comma between; empty: find it
  bool none = false;  // take none, whatever there is
};

// Looks among `rest`, all tensors that are not the body's, as body_tensors() gives them. `channels` are the
// network's last. Where there are several, the one farthest outside is the one that was trained: a wrapper's
// classifier comes before the network's own. Throws std::runtime_error when a head is anything but one linear
// map, naming what it holds, and when it is not clear which is the head, naming the choice.
Head find_head(const StateDict& dict, const std::vector<std::string>& rest, const Network& network,
               const std::vector<Network>& networks, uint64_t channels, const HeadChoice& choice);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_HEAD_H_
