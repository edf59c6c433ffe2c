// Pillow's resize of an RGB8 picture and the window of it that the network sees, bit for bit, from a whole
// picture or from rows as they come, with the turn that EXIF asks for.
#ifndef LEVIT_RUNTIME_PREPROCESS_H_
#define LEVIT_RUNTIME_PREPROCESS_H_

#include <cstdint>

#include "kernels/dispatch.h"
#include "levit.h"
#include "runtime/axis.h"

namespace levit::runtime {

// Of the upright picture.
struct Geometry {
  Axis x, y;
};

// The resize and crop of an upright picture of that size (each side 1 .. kLargestSide).
inline constexpr size_t kLargestSide = 0x7fffffff;
Geometry geometry(size_t width, size_t height, levit_resize resize);

// Scratch of begin_rows(), for any alignment; 0 when it does not fit a size_t. orientation: EXIF, 1 .. 8.
size_t rows_bytes(const Geometry& geometry, int orientation);

// Makes a levit_rows in its scratch; out [LEVIT_SIDE][LEVIT_SIDE][3].
levit_rows* begin_rows(const kernels::Dispatch& dispatch, const Geometry& geometry, int orientation,
                       void* scratch, uint8_t* out);

// The next rows of the picture as stored, from the top. Only the pixels under the window are read.
void add_rows(levit_rows& rows, const uint8_t* pixels, size_t stride, size_t count);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PREPROCESS_H_
