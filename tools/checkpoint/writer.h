// Writes .levit images (weights/FORMAT.md).
#ifndef LEVIT_TOOLS_CHECKPOINT_WRITER_H_
#define LEVIT_TOOLS_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/checkpoint/folded.h"

namespace levit::tools {

struct WriteReport {
  double largest_rounding_error = 0;  // |stored - folded| / largest magnitude of its matrix; fp16 panels
  std::string worst_layer;
  size_t out_of_range = 0;  // values beyond fp16's 65504
  size_t subnormal = 0;     // values that fp16 holds with fewer bits, or as zero
};

// Bytes of an image whose start must be placed on 64 bytes. Throws std::runtime_error for a model that no
// file can hold: an invalid configuration, sizes that do not fit it, numbers that are not finite (or, as
// fp16, out of range).
std::vector<uint8_t> write_levit(const FoldedModel& model, bool half, WriteReport* report = nullptr);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_WRITER_H_
