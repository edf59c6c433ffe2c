// Tensors out of a dict of a PyTorch pickle.
#ifndef LEVIT_TOOLS_CHECKPOINT_TORCH_TENSOR_H_
#define LEVIT_TOOLS_CHECKPOINT_TORCH_TENSOR_H_

#include <string>
#include <vector>

#include "tools/checkpoint/torch_file.h"

namespace levit::tools {

// The tensors of `dict`, a dict of file.pickle, as views into the file: strided, shared and at an offset, as
// torch has them. Plain values are skipped, their keys added to `skipped`. Throws std::runtime_error naming
// the tensor and the cause: made by a call other than torch's own of rebuilding a tensor, elements outside
// its storage, a storage that is missing, short or damaged.
StateDict read_tensors(const TorchFile& file, const PickleValue& dict, std::vector<std::string>* skipped);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_TORCH_TENSOR_H_
