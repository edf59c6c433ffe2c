// The safetensors reader and the mapping of names on hostile files: every element of what is accepted can be
// read.
#include <cstdlib>
#include <stdexcept>

#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/safetensors.h"

using namespace levit::tools;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  try {
    uint64_t bytes = 0;
    for (const auto& entry : read_safetensors(file)) {
      if (!entry.second.fault.empty()) continue;
      if (widened(entry.second).size() != element_count(entry.second)) std::abort();
      bytes += element_count(entry.second) * dtype_size(entry.second.dtype);
    }
    if (bytes > size) std::abort();  // without overlaps the tensors are smaller than the file
  } catch (const std::runtime_error&) {
  }
  try {
    load_checkpoint(file);
  } catch (const std::runtime_error&) {
  }
  return 0;
}
