// Pixels to the network's input rows: resampling and normalisation of RGB8, interleaving of planar tensors.
#ifndef LEVIT_KERNELS_PIXELS_H_
#define LEVIT_KERNELS_PIXELS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/contract.h"

namespace levit::kernels {

// Separable resampling with fixed-point weights: sums are 32-bit integers, so every target gives the same
// bytes.
//   out = clamp((2^21 + sum over j of weight[j] * pixel[j]) >> 22, 0, 255)
// This is the inner loop of Pillow's resize; its callers choose the weights.
inline constexpr int kResampleBits = 22;  // of a weight's fraction
inline constexpr size_t kResampleRows = 4;

// Along x, four rows at once: out[r][x] from rows[r][first[x] + j], j < taps. The rows are interleaved, so
// that one vector holds the same pixel of all four and every weight is used on all of them.
struct ResampleHorizontal {
  const uint8_t* rows[kResampleRows];  // each [pixels, 3]; the same row may be given twice
  size_t pixels;                       // first[x] + taps <= pixels for all x
  const uint32_t* first;               // [count]
  const int32_t* weights;              // [count, taps]
  size_t taps, count;
  uint8_t* interleaved;  // scratch [pixels, kResampleRows, 4]
  uint8_t* out;  // [kResampleRows, count, 3], rows out_stride >= 3 * count + 1 apart: one byte behind a row
                 // is written too
  size_t out_stride;
};

inline void check(const ResampleHorizontal& a) {
  require(a.taps > 0 && a.interleaved != nullptr, "there are taps and scratch");
  require(a.out_stride >= 3 * a.count + 1, "rows of the output leave a byte between them");
  for (size_t x = 0; kAssertions && x < a.count; ++x) {
    require(a.first[x] + a.taps <= a.pixels, "every tap is a pixel of the row");
  }
}

// Along y: out[i] from ring[(first + j) % capacity][i], j < taps <= capacity.
struct ResampleVertical {
  const uint8_t* ring;  // [capacity, width], rows `stride` apart
  size_t stride, capacity, first;
  const int32_t* weights;  // [taps]
  size_t taps;
  uint8_t* out;  // [width]
  size_t width;  // bytes
};

inline void check(const ResampleVertical& a) {
  require(a.stride >= a.width, "rows of the ring do not overlap");
  require(a.first < a.capacity && a.taps <= a.capacity, "the rows lie in the ring");
}

// The same sum along y where the rows under it are too many to keep: they are added one by one to sums that
// begin as 2^21, then the sums are finished.
struct ResampleAccumulate {
  const uint8_t* row;  // [width]
  size_t width;        // bytes
  int32_t weight;
  int32_t* sums;  // [width], added to
};
struct ResampleFinish {
  const int32_t* sums;  // [width]
  size_t width;
  uint8_t* out;  // [width]
};

// out[x][c] = (rgb[x][c] / 255 - mean[c]) / std[c], each operation rounded to float32 as torchvision does.
struct NormaliseRow {
  const uint8_t* rgb;  // [width, 3]
  const float* mean;   // [3]
  const float* std;    // [3]
  float* out;          // [width, 3]
  size_t width;
};

// out[x][c] = plane[c][x]. Rows of a picture's planes: what lies behind one is read soon.
struct InterleaveRow {
  const float* plane[3];  // each [width]
  float* out;             // [width, 3]
  size_t width;
};

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_PIXELS_H_
