// Picture files of one format on hostile bytes, whole and by rows; a target for each format, so that each has
// a corpus and a time of its own. The start of the file is repaired, and so are the checksums of PNG: without
// them nearly every input would end there.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tools/picture/picture.h"

namespace {

using levit::tools::Picture;
using levit::tools::PictureOptions;

// What a file of the format begins with, and what stands at byte 8.
struct Format {
  std::string_view start, at_8;
};
namespace formats {
[[maybe_unused]] constexpr Format bmp = {"BM", ""}, gif = {"GIF89a", ""}, jpeg = {"\xff\xd8\xff", ""},
                                  pnm = {"P", ""}, png = {"\x89PNG\r\n\x1a\n", ""}, webp = {"RIFF", "WEBP"};
}  // namespace formats
constexpr Format kFormat = formats::LEVIT_FUZZ_FORMAT;  // of this target

void put(std::string_view magic, size_t at, std::vector<uint8_t>& file) {
  for (size_t i = 0; i < magic.size() && at + i < file.size(); ++i)
    file[at + i] = static_cast<uint8_t>(magic[i]);
}

// A branch that depends on every pixel: where one was never written, valgrind speaks.
void use(const uint8_t* pixels, size_t bytes) {
  size_t sum = 0;
  for (size_t i = 0; i < bytes; ++i) sum += pixels[i];
  if (sum > 255 * bytes) std::abort();
}

void decode(const uint8_t* file, size_t size) {
  PictureOptions options;
  options.largest_area = size_t{1} << 16;  // so that one input takes milliseconds
  try {
    const Picture picture = levit::tools::decode_picture(file, size, options);
    const size_t bytes = 3 * picture.width * picture.height;
    if (bytes == 0 || bytes > 3 * options.largest_area) std::abort();
    use(picture.pixels.get(), bytes);
    static std::vector<uint8_t> scratch;
    const size_t view_bytes = size_t{3} * LEVIT_SIDE * LEVIT_SIDE;
    const std::unique_ptr<uint8_t[]> view(new uint8_t[view_bytes]);  // not cleared, nor of the input before
    const Picture seen =
        levit::tools::decode_view(file, size, options, LEVIT_RESIZE_SQUASH, scratch, view.get());
    if (seen.width != picture.width || seen.height != picture.height ||
        seen.incomplete != picture.incomplete || seen.says != picture.says)
      std::abort();
    use(view.get(), view_bytes);
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
  std::vector<uint8_t> file(data, data + size);
  put(kFormat.start, 0, file);
  put(kFormat.at_8, 8, file);
  decode(file.data(), file.size());
  if (kFormat.start == formats::png.start && size > 8) {
    repair_checksums(&file);
    decode(file.data(), file.size());
  }
  return 0;
}
