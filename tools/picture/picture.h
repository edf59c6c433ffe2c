// Picture files as upright RGB8, whole or as what the network sees of them. JPEG, PNG, GIF, BMP, PNM and,
// where the build has libwebp or libheif, WebP or HEIC and AVIF are read.
#ifndef LEVIT_TOOLS_PICTURE_PICTURE_H_
#define LEVIT_TOOLS_PICTURE_PICTURE_H_

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "levit.h"
#include "tools/common/heap.h"

namespace levit::tools {

struct Picture {
  Buffer pixels;  // [height, width, 3]; the decoder's own, never copied
  size_t width = 0, height = 0;
  bool incomplete = false;        // the file ends early or is damaged: pixels are missing or made up
  std::vector<std::string> says;  // what the file says of itself, in short sentences

  levit_image image() const { return {pixels.get(), width, height, 3 * width}; }
};

// A picture of more pixels than PictureOptions allow.
struct TooLarge : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline constexpr const char* kRaiseLimit = " (--max-megapixels raises the first)";  // behind its message

struct PictureOptions {
  // The picture as stored, as torchvision and timm show it. HEIC and AVIF are turned nevertheless.
  bool ignore_orientation = false;
  const levit_context* context = nullptr;  // whose instruction set resizes; null: the best
  size_t largest_side = 65535;
  size_t largest_area = 100'000'000;  // pixels
};

// Reads a file. Grey is replicated, alpha and transparency are dropped, 16 bits keep their high byte, CMYK is
// converted as Pillow does, and EXIF orientation is applied. The size is checked before anything is decoded.
// Throws std::runtime_error "path: cause".
Picture load_picture(const std::string& path, const PictureOptions& options = {});

// The same for a file in memory; throws std::runtime_error with the cause alone.
Picture decode_picture(const uint8_t* file, size_t bytes, const PictureOptions& options = {});

// The same picture as the network sees it, resized while it is decoded: out [224][224][3], the bytes of
// levit_preprocess on load_picture(). A baseline JPEG is never in memory as a whole. In the result the size
// is that of the upright picture, and there are no pixels. `scratch` is memory to use again.
Picture load_view(const std::string& path, const PictureOptions& options, levit_resize resize,
                  std::vector<uint8_t>& scratch, uint8_t* out);
Picture decode_view(const uint8_t* file, size_t bytes, const PictureOptions& options, levit_resize resize,
                    std::vector<uint8_t>& scratch, uint8_t* out);

// The upright picture of one stored with that EXIF orientation, 1 .. 8.
Picture upright(Picture stored, int orientation);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_PICTURE_H_
