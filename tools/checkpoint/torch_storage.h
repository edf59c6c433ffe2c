// The storages that a PyTorch pickle names, and where their bytes lie.
#ifndef LEVIT_TOOLS_CHECKPOINT_TORCH_STORAGE_H_
#define LEVIT_TOOLS_CHECKPOINT_TORCH_STORAGE_H_

#include <map>
#include <string>
#include <string_view>

#include "tools/checkpoint/pickle.h"
#include "tools/checkpoint/state_dict.h"

namespace levit::tools {

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

struct StorageBytes {
  std::string_view data;
  std::string entry;  // of a zip; empty for a stream, which has no check sums
  uint32_t crc;
};

using Storages = std::map<std::string, StorageBytes>;  // by key

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_TORCH_STORAGE_H_
