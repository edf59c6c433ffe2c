// The containers of torch.save: a zip file, or before torch 1.6 a stream of pickles and storages.
#ifndef LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_
#define LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_

#include "tools/checkpoint/pickle.h"
#include "tools/checkpoint/torch_storage.h"

namespace levit::tools {

struct TorchFile {
  const char* container;  // its name, for people
  Pickle pickle;          // what was saved
  Storages storages;
};

// Whether the bytes begin as one of the two containers does.
bool is_torch_file(std::string_view file);

// Views into `file`; storages are located, their CRC-32 is not checked yet. Throws std::runtime_error naming
// the cause: a file cut off, entries that are missing, big-endian data, a pickle that is none of torch's.
TorchFile open_torch_file(std::string_view file);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_
