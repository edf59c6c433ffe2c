// Picture files on hostile bytes, whole and by rows, once as they are and once, PNG, with the checksums of
// its chunks repaired, which would otherwise end nearly every input.
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#include "tools/picture/picture.h"

namespace {

using levit::tools::Picture;
using levit::tools::PictureOptions;

volatile uint32_t sink;

void decode(const uint8_t* file, size_t size) {
  PictureOptions options;
  options.largest_area = size_t{1} << 16;  // so that one input takes milliseconds
  try {
    const Picture picture = levit::tools::decode_picture(file, size, options);
    const size_t bytes = 3 * picture.width * picture.height;
    if (bytes == 0 || bytes > 3 * options.largest_area) std::abort();
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; ++i) sum += picture.pixels[i];
    sink = sum;
    static std::vector<uint8_t> scratch, view(size_t{3} * LEVIT_SIDE * LEVIT_SIDE);
    const Picture seen =
        levit::tools::decode_view(file, size, options, LEVIT_RESIZE_SQUASH, scratch, view.data());
    if (seen.width != picture.width || seen.height != picture.height ||
        seen.incomplete != picture.incomplete || seen.says != picture.says)
      std::abort();
  } catch (const std::runtime_error&) {
  } catch (const std::bad_alloc&) {
    std::abort();  // the limit on the area is also one on memory
  }
}

uint32_t big_endian(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}

void repair_checksums(std::vector<uint8_t>* png) {
  for (size_t at = 8; png->size() - at >= 12;) {
    const size_t length = big_endian(png->data() + at);
    if (length > png->size() - at - 12) return;
    uint32_t crc = 0xffffffffu;
    for (size_t i = at + 4; i < at + 8 + length; ++i) {
      crc ^= (*png)[i];
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    for (size_t i = 0; i < 4; ++i) (*png)[at + 8 + length + i] = static_cast<uint8_t>(~crc >> 8 * (3 - i));
    at += 12 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  decode(data, size);
  if (size > 8 && std::memcmp(data, "\x89PNG", 4) == 0) {
    std::vector<uint8_t> repaired(data, data + size);
    repair_checksums(&repaired);
    decode(repaired.data(), repaired.size());
  }
  return 0;
}
