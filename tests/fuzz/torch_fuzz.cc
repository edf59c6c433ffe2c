// The PyTorch readers on hostile files: zip, stream and pickle. The zip's check sums are repaired, or nearly
// every input would end there. Every element of what is accepted can be read.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/torch_file.h"
#include "tools/checkpoint/zip.h"

using namespace levit::tools;

namespace {

// Gives every entry of the central directory the CRC-32 of its bytes.
void repair(std::string* file) {
  constexpr size_t kDirectoryBytes = 46, kCrc = 16, kNameBytes = 28;
  const ZipDirectory directory = read_zip(*file);
  for (size_t at = file->find("PK\x01\x02"); at != std::string::npos; at = file->find("PK\x01\x02", at + 1)) {
    uint16_t name_bytes;
    if (file->size() - at < kDirectoryBytes) return;
    std::memcpy(&name_bytes, file->data() + at + kNameBytes, sizeof name_bytes);
    const auto found = directory.find(file->substr(at + kDirectoryBytes, name_bytes));
    if (found == directory.end()) continue;
    const uint32_t crc = crc32(found->second.data);
    std::memcpy(file->data() + at + kCrc, &crc, sizeof crc);
  }
}

// The tensors of everything that was saved, not only those that a checkpoint is read from; with strides of 0
// a small file has as many elements as it likes.
void read_all(const TorchFile& file) {
  constexpr uint64_t kMostElements = 1 << 20;
  for (const auto& entry : read_tensors(file)) {
    const Tensor& tensor = entry.second;
    if (!tensor.fault.empty() || element_count(tensor) > kMostElements) continue;
    if (widened(tensor).size() != element_count(tensor)) std::abort();
  }
}

void try_file(std::string_view file) {
  try {
    if (is_torch_file(file)) read_all(open_torch_file(file));
  } catch (const std::runtime_error&) {
  }
  try {
    load_checkpoint(file);
  } catch (const std::runtime_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  try_file(file);
  try {
    std::string repaired(file);
    repair(&repaired);
    try_file(repaired);
  } catch (const std::runtime_error&) {
  }
  return 0;
}
