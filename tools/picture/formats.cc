#include "tools/picture/formats.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/picture/exif.h"

namespace levit::tools {
namespace {

[[noreturn]] void fail(const std::string& cause) {
  throw std::runtime_error(cause);
}

[[noreturn]] void fail_truncated(const char* format) {
  fail(std::string("a truncated ") + format + " (the file ends early)");
}

void check_size(uint64_t width, uint64_t height, SizeLimit limit) {
  if (width == 0 || height == 0) fail("a picture without pixels");
  if (width <= limit.side && height <= limit.side && height <= limit.area / width) return;
  fail("too large: " + std::to_string(width) + " x " + std::to_string(height) + " pixels; at most " +
       std::to_string(limit.area / 1'000'000) + " megapixels and " + std::to_string(limit.side) +
       " on a side");
}

bool starts_with(Bytes file, std::string_view magic, size_t at = 0) {
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

// ISO/IEC 10918-1: segments from SOI to EOI, entropy-coded data behind each SOS.
class JpegWalk {
 public:
  JpegWalk(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  PictureHeader run() {
    at_ = 2;  // SOI
    for (int marker = next_marker(); marker != 0xd9; marker = next_marker()) segment(marker);
    if (header_.width == 0) fail("a damaged JPEG (no frame)");
    header_.unmarked_cmyk = components_ == 4 && !adobe_;
    return header_;
  }

 private:
  int next_marker() {
    if (at_ < file_.size && file_.data[at_] != 0xff) fail("a damaged JPEG (no marker where one must be)");
    while (at_ < file_.size && file_.data[at_] == 0xff) ++at_;
    if (at_ >= file_.size) fail_truncated("JPEG");
    return file_.data[at_++];
  }

  void segment(int marker) {
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) return;  // stand alone
    if (file_.size - at_ < 2) fail_truncated("JPEG");
    const size_t length = big_endian(file_.data + at_, 2);
    if (length < 2) fail("a damaged JPEG (segment length)");
    if (file_.size - at_ < length) fail_truncated("JPEG");
    const Bytes body{file_.data + at_ + 2, length - 2};
    at_ += length;
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) read_frame(marker, body);
    if (marker == 0xc4) check_huffman_tables(body);
    if (marker == 0xe1 && starts_with(body, std::string_view("Exif\0\0", 6)) && !exif_) {
      exif_ = true;
      header_.orientation = exif_orientation(body.data + 6, body.size - 6);
    }
    if (marker == 0xee && body.size >= 12 && starts_with(body, "Adobe")) adobe_ = true;
    if (marker == 0xda) skip_scan();
  }

  void read_frame(int marker, Bytes body) {
    if (marker > 0xc2)
      fail("a JPEG of a kind that is not read (lossless, hierarchical or arithmetic coding)");
    if (header_.width != 0) fail("a damaged JPEG (two frames)");
    if (body.size < 6) fail("a damaged JPEG (frame header)");
    if (body.data[0] != 8) fail("a JPEG of " + std::to_string(body.data[0]) + " bits; 8 are read");
    header_.height = big_endian(body.data + 1, 2);
    header_.width = big_endian(body.data + 3, 2);
    components_ = body.data[5];
    check_size(header_.width, header_.height, limit_);
  }

  // A table of more than 256 symbols would run over the decoder's.
  static void check_huffman_tables(Bytes body) {
    for (size_t at = 0; at < body.size;) {
      if (body.size - at < 17) fail("a damaged JPEG (Huffman table)");
      size_t symbols = 0;
      for (size_t i = 1; i <= 16; ++i) symbols += body.data[at + i];
      if (symbols > 256 || body.size - at - 17 < symbols) fail("a damaged JPEG (Huffman table)");
      at += 17 + symbols;
    }
  }

  // To the next marker that is neither a stuffed 0xff nor a restart.
  void skip_scan() {
    for (;;) {
      const void* found = at_ < file_.size ? std::memchr(file_.data + at_, 0xff, file_.size - at_) : nullptr;
      if (found == nullptr) fail_truncated("JPEG");
      at_ = static_cast<size_t>(static_cast<const uint8_t*>(found) - file_.data);
      if (at_ + 1 >= file_.size) fail_truncated("JPEG");
      const uint8_t code = file_.data[at_ + 1];
      if (code == 0 || (code >= 0xd0 && code <= 0xd7)) {
        at_ += 2;
      } else if (code == 0xff) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Bytes file_;
  SizeLimit limit_;
  size_t at_ = 0, components_ = 0;
  bool adobe_ = false, exif_ = false;
  PictureHeader header_{PictureFormat::kJpeg, 0, 0, 1, false, 0, 0, 0};
};

// CRC-32 of PNG's chunks, ISO 3309.
uint32_t crc32(const uint8_t* data, size_t size) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      made[i] = i;
      for (int bit = 0; bit < 8; ++bit) made[i] = made[i] >> 1 ^ (made[i] & 1 ? 0xedb88320u : 0);
    }
    return made;
  }();
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; ++i) crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}

PictureHeader inspect_png(Bytes file, SizeLimit limit) {
  PictureHeader header{PictureFormat::kPng, 0, 0, 1, false, 0, 0, 0};
  for (size_t at = 8;;) {
    if (file.size - at < 12) fail_truncated("PNG");
    const size_t length = big_endian(file.data + at, 4);
    if (file.size - at - 12 < length) fail_truncated("PNG");
    const Bytes type{file.data + at + 4, 4}, body{file.data + at + 8, length};
    if (at == 8) {
      if (!starts_with(type, "IHDR") || length != 13) fail("a damaged PNG (no header)");
      header.width = big_endian(body.data, 4);
      header.height = big_endian(body.data + 4, 4);
      check_size(header.width, header.height, limit);
    }
    const bool critical = (type.data[0] & 0x20) == 0;
    if (critical && crc32(type.data, length + 4) != big_endian(body.data + length, 4))
      fail("a damaged PNG (checksum of a chunk)");
    if (starts_with(type, "eXIf")) header.orientation = exif_orientation(body.data, body.size);
    if (starts_with(type, "IEND")) return header;
    at += 12 + length;
  }
}

PictureHeader inspect_bmp(Bytes file, SizeLimit limit) {
  if (file.size < 26) fail_truncated("BMP");
  const uint32_t header_bytes = little_endian(file.data + 14, 4);
  const bool old = header_bytes == 12;  // OS/2 1.x: 16-bit sizes
  if (file.size < 14 + size_t{header_bytes}) fail_truncated("BMP");
  if (!old && header_bytes < 40) fail("a BMP of a kind that is not read");
  const uint8_t* at = file.data + 18;
  const auto side = [&](size_t index) {
    return old ? int64_t{little_endian(at + 2 * index, 2)}
               : int64_t{static_cast<int32_t>(little_endian(at + 4 * index, 4))};
  };
  const int64_t width = side(0), rows = side(1);
  const int64_t height = rows < 0 ? -rows : rows;
  check_size(width < 0 ? 0 : static_cast<uint64_t>(width), static_cast<uint64_t>(height), limit);
  const uint32_t bits = little_endian(at + (old ? 6 : 10), 2);
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
    fail("a damaged BMP (bits)");
  if (!old && little_endian(file.data + 30, 4) != 0 && little_endian(file.data + 30, 4) != 3)
    fail("a compressed BMP; only plain ones are read");
  // Sides are below 2^32 and bits at most 32, so the products stay in 64 bits.
  const uint64_t row = (static_cast<uint64_t>(width) * bits + 31) / 32 * 4;
  const uint64_t first = little_endian(file.data + 10, 4);
  if (first < 14 + uint64_t{header_bytes}) fail("a damaged BMP (offset of the pixels)");
  if (first > file.size || (file.size - first) / row < static_cast<uint64_t>(height)) fail_truncated("BMP");
  return {PictureFormat::kBmp, static_cast<size_t>(width), static_cast<size_t>(height), 1, false, 0, 0, 0};
}

// P5 and P6 of netpbm: numbers apart by white space and comments, one white space, then the samples.
PictureHeader inspect_pnm(Bytes file, SizeLimit limit) {
  size_t at = 2, values[3] = {};
  for (size_t& value : values) {
    bool comment = false;
    for (; at < file.size; ++at) {
      const uint8_t c = file.data[at];
      if (c == '#') comment = true;
      if (comment && (c == '\n' || c == '\r')) comment = false;
      if (!comment && std::strchr(" \t\n\v\f\r", c) == nullptr) break;
    }
    const size_t start = at;
    for (; at < file.size && file.data[at] >= '0' && file.data[at] <= '9' && at - start < 9; ++at)
      value = 10 * value + (file.data[at] - size_t{'0'});
    if (at >= file.size) fail_truncated("PNM");
    if (at == start) fail("a damaged PNM (header)");
  }
  const size_t width = values[0], height = values[1], components = file.data[1] == '6' ? 3 : 1;
  check_size(width, height, limit);
  if (values[2] != 255 && values[2] != 65535) fail("a PNM whose largest value is neither 255 nor 65535");
  const size_t sample_bytes = values[2] == 255 ? 1 : 2, row = width * components * sample_bytes;
  if (std::strchr(" \t\n\v\f\r", file.data[at]) == nullptr) fail("a damaged PNM (header)");
  ++at;
  if ((file.size - at) / row < height) fail_truncated("PNM");
  return {PictureFormat::kPnm, width, height, 1, false, at, components, sample_bytes};
}

// Formats that people do have and that are not read.
const char* other_format(Bytes file) {
  using std::string_view;
  struct Magic {
    string_view bytes;
    size_t at;
    const char* name;
  };
  static constexpr Magic kMagics[] = {
      {"WEBP", 8, "WebP"},
      {"GIF8", 0, "GIF"},
      {"ftypavif", 4, "AVIF"},
      {"ftypavis", 4, "AVIF"},
      {"ftyphei", 4, "HEIC"},
      {"ftyphev", 4, "HEIC"},
      {"ftypmif1", 4, "HEIC or AVIF"},
      {"ftypmsf1", 4, "HEIC or AVIF"},
      {string_view("II*\0", 4), 0, "TIFF"},
      {string_view("MM\0*", 4), 0, "TIFF"},
      {string_view("\0\0\0\x0cJXL ", 8), 0, "JPEG XL"},
      {"\xff\x0a", 0, "JPEG XL"},
      {string_view("\0\0\0\x0cjP  ", 8), 0, "JPEG 2000"},
      {"\xff\x4f\xff\x51", 0, "JPEG 2000"},
      {"8BPS", 0, "Photoshop"},
      {"%PDF", 0, "PDF"},
      {"<svg", 0, "SVG"},
  };
  for (const Magic& magic : kMagics)
    if (starts_with(file, magic.bytes, magic.at)) return magic.name;
  return nullptr;
}

}  // namespace

PictureHeader inspect(Bytes file, SizeLimit limit) {
  if (file.size == 0) fail("an empty file");
  if (starts_with(file, "\xff\xd8\xff")) return JpegWalk(file, limit).run();
  if (starts_with(file, "\x89PNG\r\n\x1a\n")) return inspect_png(file, limit);
  if (starts_with(file, "BM")) return inspect_bmp(file, limit);
  if (starts_with(file, "P5") || starts_with(file, "P6")) return inspect_pnm(file, limit);
  const char* other = other_format(file);
  if (other != nullptr) fail(std::string(other) + " is not read; JPEG, PNG, BMP and PNM are");
  fail("not a picture (JPEG, PNG, BMP and PNM are read)");
}

}  // namespace levit::tools
