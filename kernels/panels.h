// Panel-packed weights: the layout that GEMM and convolution read, and that the .levit file stores.
//
// A matrix W [outputs, depth] is cut into ceil(outputs / 16) panels of 16 outputs. A panel is depth rows of
// 16 numbers:
//   panel[p][k][j] = W[16 p + j][k], zero where 16 p + j >= outputs.
// A panel row of fp16 is 32 bytes, of fp32 one cache line; both start on 32 or 64 bytes. The width is part of
// the file format and serves every vector length: 4 x 4, 2 x 8, 1 x 16, or four panels side by side in a 7 x
// 64 tile.
#ifndef LEVIT_KERNELS_PANELS_H_
#define LEVIT_KERNELS_PANELS_H_

#include <cstddef>
#include <cstdint>

namespace levit::kernels {

inline constexpr size_t kPanelWidth = 16;

struct Panels {
  const void* data;  // [panels][depth][16], fp16 or fp32, 64-byte aligned
  bool half;         // fp16 (IEEE binary16) instead of fp32
  size_t outputs;    // rows of W
  size_t depth;      // columns of W
};

constexpr size_t panel_count(size_t outputs) {
  return (outputs + kPanelWidth - 1) / kPanelWidth;
}

// Numbers stored for a matrix of that shape, padding included.
constexpr size_t panel_values(size_t outputs, size_t depth) {
  return panel_count(outputs) * kPanelWidth * depth;
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_PANELS_H_
