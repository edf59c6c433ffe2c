// What the decoders of all formats share: bytes, limits, refusals and the way they hand out rows.
#ifndef LEVIT_TOOLS_PICTURE_DECODER_H_
#define LEVIT_TOOLS_PICTURE_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/picture/metadata.h"
#include "tools/picture/picture.h"

namespace levit::tools {

struct SizeLimit {
  size_t side, area;  // pixels
};

// Every refusal is a std::runtime_error with its cause.
[[noreturn]] void fail(const std::string& cause);
[[noreturn]] void fail_truncated(const char* format);

// Refuses a picture without pixels or over the limit.
void check_size(uint64_t width, uint64_t height, SizeLimit limit);

bool starts_with(Bytes file, std::string_view magic, size_t at = 0);
uint32_t big_endian(const uint8_t* at, size_t bytes);
uint32_t little_endian(const uint8_t* at, size_t bytes);

// Black pixels [height][width][3], so that what a file does not draw is never what lay in memory.
Picture black_picture(size_t width, size_t height);

// A picture as stored, before it is turned upright, and what its file says beside the pixels.
struct StoredPicture {
  Picture picture;
  Metadata metadata;
};

// Where a decoder that never holds the whole picture puts its rows.
struct RowSink {
  // Before the first row: the size as stored. Returns where all rows go, [height][width][3], or null when
  // they shall come through `take`.
  std::function<uint8_t*(size_t width, size_t height, const Metadata& metadata)> begin;
  // The next `count` rows from the top, 3 * width bytes each, dense.
  std::function<void(const uint8_t* rows, size_t count)> take;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_DECODER_H_
