// A matrix in 8-bit integers with one scale for each row.
#ifndef LEVIT_TOOLS_CHECKPOINT_QUANTISE_H_
#define LEVIT_TOOLS_CHECKPOINT_QUANTISE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace levit::tools {

struct QuantisedMatrix {
  std::vector<int8_t> numbers;  // [rows, depth], -127 to 127
  std::vector<float> scale;     // [rows]: W[n][k] is about scale[n] numbers[n][k]; 0 for a row of zeros
};

// weight [rows, depth], finite; taps: 9 of a 3x3 convolution, whose k = tap * channels + channel, else 1.
//
// The largest magnitude of a row becomes 127. A linear layer is rounded to the nearest. What reaches the taps
// of a convolution is alike, for pixels change slowly, and mostly positive, for it comes from hardswish; so
// the rounding error of one weight is carried to the next, tap by tap and channel by channel (as Floyd and
// Steinberg 1976 do with grey values), and the errors of a row add up to less than one step.
//
// Measured on LeViT-128S ai_vs_real and 2012 pictures (rms change of the logit to fp32's): the convolution
// 0.0022 rounded to the nearest, 0.0008 carried; all linear layers 0.0009 to the nearest, 0.0011 with each
// row's sum kept, 0.0017 carried. A clip of least squared error instead of the largest magnitude, 0.7 to 1 of
// it, and the scale of least squares change neither.
QuantisedMatrix quantise(const std::vector<double>& weight, size_t depth, size_t taps);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_QUANTISE_H_
