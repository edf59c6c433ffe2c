// Writes .levit images (weights/FORMAT.md).
#ifndef LEVIT_TOOLS_CHECKPOINT_WRITER_H_
#define LEVIT_TOOLS_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/checkpoint/folded.h"
#include "weights/layout.h"

namespace levit::tools {

// double to IEEE binary16, rounded once: through float it would be rounded twice.
inline constexpr double kHalfMinNormal = 0x1p-14;

struct Half {
  uint16_t bits;
  double value;  // what the bits mean
};

// To nearest, ties to even; from 65520 on, infinity. `value` is not NaN.
Half round_to_half(double value);

// What rounding did; all zero for an fp32 file.
struct WriteReport {
  // Of fp16 panels.
  double largest_rounding_error = 0;  // |stored - folded| / largest magnitude of its matrix
  std::string worst_layer;            // where that is
  size_t out_of_range = 0;            // magnitudes that fp16 would make infinite: 65520 and more
  size_t subnormal = 0;               // magnitudes below 2^-14, which fp16 holds with fewer bits, or as zero
  // Of int8 panels: |stored - folded| / |folded| of a whole matrix, in the Euclidean norm.
  double largest_int8_error = 0;
  std::string worst_int8_layer;
  size_t int8_layers = 0;
};

// Labels that a model needs: as many as classes, two for one logit, none without classifier.
size_t label_count(const FoldedModel& model);

// Bytes of an image, to be placed at a multiple of 64 (the vector itself need not be). Throws
// std::runtime_error for a model that no file can hold: an invalid configuration or preprocessing, sizes that
// do not fit it, numbers that are not finite, text that is not UTF-8, labels that are empty or too few.
// Numbers out of the range of fp16 throw too, after the report is complete.
std::vector<uint8_t> write_levit(const FoldedModel& model, weights::Type type, WriteReport* report = nullptr);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_WRITER_H_
