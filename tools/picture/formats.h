// Which format a picture file has and what its structure says, before anything is decoded.
#ifndef LEVIT_TOOLS_PICTURE_FORMATS_H_
#define LEVIT_TOOLS_PICTURE_FORMATS_H_

#include <cstddef>
#include <cstdint>

namespace levit::tools {

struct Bytes {
  const uint8_t* data;
  size_t size;
};

enum class PictureFormat { kJpeg, kPng, kBmp, kPnm };

struct PictureHeader {
  PictureFormat format;
  size_t width, height;             // as stored
  int orientation;                  // EXIF, 1 .. 8
  bool unmarked_cmyk;               // JPEG of four components that does not say which
  size_t pixels_at;                 // PNM: where the samples begin
  size_t components, sample_bytes;  // PNM
};

struct SizeLimit {
  size_t side, area;  // pixels
};

// Checks the size as soon as the file tells it, then walks the rest: a file that ends early is told from a
// damaged one. Throws std::runtime_error with the cause, which names formats that are known but not read
// (GIF, WebP, HEIC, ...).
PictureHeader inspect(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_FORMATS_H_
