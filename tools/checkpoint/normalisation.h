// The Normalize that some models do themselves, as buffers beside the network.
#ifndef LEVIT_TOOLS_CHECKPOINT_NORMALISATION_H_
#define LEVIT_TOOLS_CHECKPOINT_NORMALISATION_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/checkpoint/network.h"

namespace levit::tools {

struct Normalisation {
  std::string mean_name, std_name;  // in the file: "normalize.mean"
  float mean[3], std[3];            // of a picture in [0, 1]
};

// Takes the only pair of tensors of three values each whose names differ in "mean" and "std" out of `rest`,
// if there is one in the network's own dict and not deep inside something else. Values beyond 2 are of
// pictures up to 255.
std::optional<Normalisation> take_normalisation(const StateDict& dict, const Network& network,
                                                std::vector<std::string>* rest);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_NORMALISATION_H_
