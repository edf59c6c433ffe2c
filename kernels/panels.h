// How the operands of the kernels lie in memory: rows at a stride, rows in segments, weights in panels.
//
// Weights are packed for GEMM and convolution, and the .levit file stores them so. A matrix W [outputs,
// depth] is cut into ceil(outputs / 16) panels of 16 outputs; a panel is depth rows of 16 numbers:
//   panel[p][k][j] = W[16 p + j][k], zero where 16 p + j >= outputs.
// A panel row of fp16 is 32 bytes, of fp32 one cache line; both start on 32 or 64 bytes. The width is part of
// the file format and serves every vector length: 4 x 4, 2 x 8 or 1 x 16 floats.
#ifndef LEVIT_KERNELS_PANELS_H_
#define LEVIT_KERNELS_PANELS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/contract.h"

namespace levit::kernels {

inline constexpr size_t kPanelWidth = 16;
inline constexpr size_t kMaxSegments = 64;

constexpr size_t divide_up(size_t count, size_t by) {
  return (count + by - 1) / by;
}
constexpr size_t round_up(size_t count, size_t multiple) {
  return divide_up(count, multiple) * multiple;
}

// Rows `stride` floats apart.
struct ConstRows {
  const float* data;
  size_t stride;
  const float* operator[](size_t row) const { return data + row * stride; }
};

struct Rows {
  float* data;
  size_t stride;
  float* operator[](size_t row) const { return data + row * stride; }
  operator ConstRows() const { return {data, stride}; }
};

// Rows to read, cut into segments: element k of row m is segment[k / segment_length][m * stride + k %
// segment_length]. A plain matrix has one segment; a 3x3 convolution over interleaved rows three (one for
// each kernel row); the gradient of head-major q, k and v one for each head.
struct SegmentedRows {
  const float* const* segment;  // [segments], fp32
  size_t segments;              // 1..kMaxSegments
  size_t segment_length;        // segments * segment_length numbers in a row
  size_t stride;                // floats between rows of one segment
};

// Rows to write, their columns cut into segments (one for each head): element n of row m is data[(n /
// segment_length) * segment_stride + m * stride + n % segment_length]. segment_length is a multiple of 16, or
// at least the number of columns (then segment_stride is not used).
struct OutputRows {
  float* data;
  size_t stride;
  size_t segment_length;
  size_t segment_stride;
};

struct Panels {
  const void* data;  // [panel_count][depth][16], fp16 or fp32, aligned to a row of 16
  bool half;         // fp16 (IEEE binary16) instead of fp32
  size_t outputs;    // rows of W
  size_t depth;      // columns of W

  size_t row_bytes() const { return kPanelWidth * (half ? sizeof(uint16_t) : sizeof(float)); }
};

inline void check(const SegmentedRows& x, size_t columns) {
  require(x.segments >= 1 && x.segments <= kMaxSegments, "there are 1 to kMaxSegments segments");
  require(x.segments * x.segment_length == columns, "the segments together are as long as a row");
  for (size_t s = 0; kAssertions && s < x.segments; ++s) {
    require(x.segment[s] != nullptr, "every segment is there");
  }
}

inline void check(const OutputRows& y, size_t columns) {
  require(y.data != nullptr, "the output is there");
  const bool plain = y.segment_length >= columns;
  require(plain || y.segment_length % kPanelWidth == 0, "column segments are whole panels");
  require(y.stride >= (plain ? columns : y.segment_length), "rows of the output do not overlap");
  require(plain || y.segment_stride >= y.segment_length, "column segments of the output do not overlap");
}

inline void check(const Panels& w) {
  require(w.data != nullptr && is_aligned(w.data, w.row_bytes()),
          "panels are there and aligned to a row of 16");
}

constexpr size_t panel_count(size_t outputs) {
  return divide_up(outputs, kPanelWidth);
}

// Numbers stored for a matrix of that shape, padding included.
constexpr size_t panel_values(size_t outputs, size_t depth) {
  return panel_count(outputs) * kPanelWidth * depth;
}

// IEEE binary16 to float32, exact; subnormals, infinities and NaN included.
inline float half_to_float(uint16_t half) {
  uint32_t bits = (half & 0x7fffu) << 13;
  float value;
  if (bits >= 0x7c00u << 13) {  // infinity or NaN, made quiet as hardware does
    bits |= 0x7f800000u | (bits > 0x7c00u << 13 ? 0x00400000u : 0);
  } else {
    // The exponent is biased by 15 instead of 127; multiplying by 2^112 mends it for subnormals too, without
    // rounding.
    std::memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    std::memcpy(&bits, &value, sizeof bits);
  }
  bits |= (half & 0x8000u) << 16;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_PANELS_H_
