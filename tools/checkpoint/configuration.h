// The sizes of a LeViT, read off the shapes of its tensors, and which tensors a LeViT of these sizes needs.
#ifndef LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_
#define LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_

#include <string>
#include <vector>

#include "tools/checkpoint/network.h"
#include "tools/checkpoint/state_dict.h"
#include "weights/architecture.h"

namespace levit::tools {

struct Configuration {
  weights::Config config{};
  bool fused = false;  // no batch norm in the body: every layer has weight and bias
};

// Each size is what most of the tensors that depend on it say, so that one misshapen or missing tensor does
// not make the others look wrong. `body` is in timm's names. The classes are left at 1: the head tells them.
// Throws std::runtime_error for what is not a LeViT, for one whose activation or stem this library does not
// have, and for sizes that it does not run.
Configuration infer_configuration(const StateDict& body);

struct Expected {
  std::string name;             // timm's
  std::vector<uint64_t> shape;  // a matrix may as well be [out, in, 1, 1]
};

std::vector<Expected> body_needs(const Configuration& configuration);

// Throws std::runtime_error naming every tensor of `expected` that is missing, misshapen, not of floating
// point or not finite, every negative variance, and the tensors `unknown`.
void check_tensors(const StateDict& dict, const std::vector<Expected>& expected,
                   const std::vector<std::string>& unknown, const SourceNames& source_names);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_
