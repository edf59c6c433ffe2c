// A weight file with another temperature.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_TEMPERATURE_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_TEMPERATURE_H_

#include <cstdint>
#include <vector>

#include "tools/common/model_file.h"

namespace levit::tools {

// The bytes of the model's file with that temperature in its header (weights/FORMAT.md), 0.001 to 1000;
// nothing else differs but the checksum.
std::vector<uint8_t> with_temperature(const ModelFile& model, double temperature);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_TEMPERATURE_H_
