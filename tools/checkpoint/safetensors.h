// Hugging Face's container: a length of 8 bytes, a JSON header, the tensors' bytes.
#ifndef LEVIT_TOOLS_CHECKPOINT_SAFETENSORS_H_
#define LEVIT_TOOLS_CHECKPOINT_SAFETENSORS_H_

#include <string_view>

#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

// The tensors, as views into `file`. Throws std::runtime_error naming the cause unless the header is strict
// JSON of the expected structure without duplicates, padded with nothing but blanks, every tensor's bytes fit
// its shape, and the tensors cover the data without overlap, hole or remainder. A tensor of a dtype that no
// LeViT has (8-bit floats, 4-bit integers, ...) has a `fault`.
StateDict read_safetensors(std::string_view file);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_SAFETENSORS_H_
