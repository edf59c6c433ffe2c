// The sizes of a LeViT, read off the shapes of its tensors.
#ifndef LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_
#define LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_

#include "tools/checkpoint/state_dict.h"
#include "weights/architecture.h"

namespace levit::tools {

// How a classifier is stored.
enum class HeadKind : uint8_t { kConv, kSingle, kDistilled };

struct Configuration {
  weights::Config config{};
  HeadKind head = HeadKind::kSingle;
  bool fused = false;  // no batch norm anywhere: every layer has weight and bias
};

// Each size is what most of the tensors that depend on it say, so that one misshapen or missing tensor does
// not make the others look wrong. `dict` is in timm's names. Throws std::runtime_error for what is not a
// LeViT, for one whose activation or stem this library does not have, and for sizes that it does not run.
Configuration infer_configuration(const StateDict& dict);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_CONFIGURATION_H_
