// What torch.save writes: a zip file, or before torch 1.6 a stream of pickles and storages; and every tensor
// that lies anywhere in it.
#ifndef LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_
#define LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_

#include "tools/checkpoint/pickle.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

struct StorageBytes {
  std::string_view data;
  std::string entry;  // of a zip; empty for a stream, which has no check sums
  uint32_t crc;
};

using Storages = std::map<std::string, StorageBytes>;  // by key

// What a persistent id ('storage', class, key, location, count[, view]) says.
struct StorageId {
  DType dtype;
  std::string key;
  uint64_t count;                    // elements
  bool view;                         // of a larger storage (torch before 0.4)
  uint64_t view_offset, view_count;  // in elements, for a view
};

// Throws std::runtime_error for a persistent id of another form and for a storage class that is not
// supported.
StorageId parse_storage_id(const Pickle& pickle, uint32_t index);

struct TorchFile {
  const char* container;  // its name, for people
  Pickle pickle;          // what was saved
  Storages storages;
};

// Whether the bytes begin as one of the two containers does.
bool is_torch_file(std::string_view file);

// Views into `file`; storages are located, their CRC-32 is not checked yet. Throws std::runtime_error naming
// the cause: a file cut off, entries that are missing, big-endian data, a pickle that is none of torch's, a
// TorchScript archive.
TorchFile open_torch_file(std::string_view file);

// The tensors of the file, as views into it: strided, shared, expanded and at an offset, as torch has them. A
// name is the path to the tensor through dicts, lists and objects, keys joined by dots
// ("model_ema.head.bias"); a module that was saved whole gives the names of its state dict. The states of
// optimizers are left out. What cannot be read (made by a call other than torch's own of rebuilding a tensor,
// elements outside its storage, a storage that is missing, short or damaged) is a tensor with a `fault`.
// Throws std::runtime_error when what was saved holds no tensors at all.
StateDict read_tensors(const TorchFile& file);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_TORCH_FILE_H_
