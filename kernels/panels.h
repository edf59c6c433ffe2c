// How the operands of the kernels lie in memory: rows at a stride, rows in segments, weights in panels.
//
// Weights are packed for GEMM and convolution, and the .levit file stores them so. A matrix W [outputs,
// depth] is cut into ceil(outputs / 16) panels of 16 outputs; a panel is depth rows of 16 numbers:
//   panel[p][k][j] = W[16 p + j][k], zero where 16 p + j >= outputs.
// A panel row is 16 bytes of int8, 32 of fp16, one cache line of fp32, and starts at a multiple of its size.
// The width is part of the file format and serves every vector length: 4 x 4, 2 x 8 or 1 x 16 floats. int8
// panels hold W[n][k] / scale[n].
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

enum class Number : uint8_t { kFloat, kHalf, kInt8 };  // fp32, IEEE binary16, two's complement

constexpr size_t size_of(Number number) {
  return number == Number::kFloat ? sizeof(float) : number == Number::kHalf ? sizeof(uint16_t) : 1;
}

struct Panels {
  const void* data;              // [panel_count][depth][16], aligned to a row of 16
  Number number;                 // what data holds
  size_t outputs;                // rows of W
  size_t depth;                  // columns of W
  const float* scale = nullptr;  // [panel_count * 16], zero padded; of kInt8 only

  size_t row_bytes() const { return kPanelWidth * size_of(number); }
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
  require((w.scale != nullptr) == (w.number == Number::kInt8), "int8 has scales, and nothing else has");
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

// W[output][k].
inline float weight_at(const Panels& w, size_t output, size_t k) {
  const size_t at = (output / kPanelWidth * w.depth + k) * kPanelWidth + output % kPanelWidth;
  switch (w.number) {
    case Number::kInt8:
      return w.scale[output] * static_cast<float>(static_cast<const int8_t*>(w.data)[at]);
    case Number::kHalf:
      return half_to_float(static_cast<const uint16_t*>(w.data)[at]);
    default:
      return static_cast<const float*>(w.data)[at];
  }
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_PANELS_H_
