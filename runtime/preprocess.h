// Pillow's resize of an RGB8 picture and the window of it that the network sees, bit for bit (Resample.c of
// Pillow 9.4).
#ifndef LEVIT_RUNTIME_PREPROCESS_H_
#define LEVIT_RUNTIME_PREPROCESS_H_

#include <cstdint>

#include "levit.h"

namespace levit::runtime {

enum class Filter { kBilinear, kBicubic };  // bicubic with a = -0.5

// One direction of a resize from `in` to `out` positions, of which LEVIT_SIDE are wanted, from `offset` on.
// When in == out the weights come out as one and zeros, so a direction that keeps its size needs no case of
// its own.
struct Axis {
  Filter filter;
  uint64_t in, out, offset;
};

struct Geometry {
  Axis x, y;
};

// The resize and crop of a picture of that size (each side 1 .. kLargestSide).
inline constexpr size_t kLargestSide = 0x7fffffff;
Geometry geometry(size_t width, size_t height, levit_resize resize);

// Scratch of resample(); 0 when it does not fit a size_t.
size_t resample_bytes(const Geometry& geometry);

// image.width == geometry.x.in, image.height == geometry.y.in; out [LEVIT_SIDE][LEVIT_SIDE][3]. Horizontal
// first, rounded to bytes, then vertical. Only the pixels under the window are read, row by row.
void resample(const levit_image& image, const Geometry& geometry, void* scratch, uint8_t* out);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PREPROCESS_H_
