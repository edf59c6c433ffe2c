#include "tools/picture/decoder.h"

#include <cstring>
#include <new>
#include <stdexcept>

namespace levit::tools {

void fail(const std::string& cause) {
  throw std::runtime_error(cause);
}

void fail_truncated(const char* format) {
  fail(std::string("a truncated ") + format + " (the file ends early)");
}

void check_size(uint64_t width, uint64_t height, SizeLimit limit) {
  if (width == 0 || height == 0) fail("a picture without pixels");
  if (width <= limit.side && height <= limit.side && height <= limit.area / width) return;
  throw TooLarge("too large: " + std::to_string(width) + " x " + std::to_string(height) +
                 " pixels; at most " + std::to_string(limit.area / 1'000'000) + " megapixels and " +
                 std::to_string(limit.side) + " on a side");
}

bool starts_with(Bytes file, std::string_view magic, size_t at) {
  return file.size >= at + magic.size() && std::memcmp(file.data + at, magic.data(), magic.size()) == 0;
}

uint32_t big_endian(const uint8_t* at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return value;
}

uint32_t little_endian(const uint8_t* at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

Picture black_picture(size_t width, size_t height) {
  Picture picture;
  picture.pixels.reset(static_cast<uint8_t*>(allocate_cleared(3 * width * height)));
  if (picture.pixels == nullptr) throw std::bad_alloc();
  picture.width = width;
  picture.height = height;
  return picture;
}

}  // namespace levit::tools
