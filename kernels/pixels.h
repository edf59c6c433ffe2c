// Pixels to the network's input row: normalisation of RGB8, and interleaving of planar tensors.
#ifndef LEVIT_KERNELS_PIXELS_H_
#define LEVIT_KERNELS_PIXELS_H_

#include <cstddef>
#include <cstdint>

namespace levit::kernels {

// out[x][c] = (rgb[x][c] / 255 - mean[c]) / std[c], each operation rounded to float32 as torchvision does.
struct NormaliseRow {
  const uint8_t* rgb;  // [width, 3]
  const float* mean;   // [3]
  const float* std;    // [3]
  float* out;          // [width, 3]
  size_t width;
};

// out[x][c] = plane[c][x].
struct InterleaveRow {
  const float* plane[3];  // each [width]
  float* out;             // [width, 3]
  size_t width;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_PIXELS_H_
