#include "tools/picture/png.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/picture/stb.h"

namespace levit::tools {
namespace {

constexpr size_t kSignature = 8, kChunkFrame = 12;  // length, type, checksum
constexpr size_t kLongestText = size_t{4} << 20;    // of a compressed text
constexpr size_t kPaletteBytes = 3 * size_t{256};
constexpr size_t kColourType = 9, kPaletteColours = 3;  // in IHDR

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

void append_chunk(std::vector<uint8_t>& out, const char* type, Bytes body) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(body.size >> shift));
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(type[i]));
  if (body.size > 0) out.insert(out.end(), body.data, body.data + body.size);
  out.resize(out.size() + 4);  // stb does not look at checksums
}

// "\nexif\n      30\n4d4d...": a name, a length, and hexadecimal digits in lines, as ImageMagick wrote EXIF
// before PNG had a chunk for it. What is no digit is passed over.
std::vector<uint8_t> raw_profile(const std::string& text) {
  std::vector<uint8_t> bytes;
  size_t at = 0;
  for (int line = 0; line < 3; ++line) {
    at = text.find('\n', at);
    if (at == std::string::npos) return bytes;
    ++at;
  }
  int high = -1;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<uint8_t>(16 * high + digit));
      high = -1;
    }
  }
  return bytes;
}

class PngReader {
 public:
  PngReader(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  StoredPicture run() {
    for (size_t at = kSignature; at < file_.size && !ended_;) at = read_chunk(at);
    if (width_ == 0 || !data_) fail_truncated("PNG");
    tell();
    // A palette of 256 colours, since stb keeps what lay on the stack for those that are not given.
    const bool repaired = !ended_ || (short_palette_ && colour_type_ == kPaletteColours);
    const std::vector<uint8_t> copy = repaired ? repaired_file() : std::vector<uint8_t>();
    StoredPicture decoded;
    try {
      decoded.picture = decode_with_stb(repaired ? Bytes{copy.data(), copy.size()} : file_, width_, height_);
    } catch (const std::runtime_error&) {
      if (!ended_) fail_truncated("PNG");  // the data end, too
      throw;
    }
    decoded.metadata = std::move(metadata_);
    return decoded;
  }

 private:
  // Returns where the next chunk begins; of one that the file does not hold whole, the file's end.
  size_t read_chunk(size_t at) {
    if (file_.size - at < kChunkFrame) return cut(at);
    const size_t length = big_endian(file_.data + at, 4);
    if (file_.size - at - kChunkFrame < length) return cut(at);
    const Bytes type{file_.data + at + 4, 4}, body{file_.data + at + 8, length};
    if (at == kSignature) read_header(type, body);
    const bool critical = (type.data[0] & 0x20) == 0;
    if (critical && crc32(type.data, length + 4) != big_endian(body.data + length, 4))
      fail("a damaged PNG (checksum of a chunk)");
    if (starts_with(type, "IEND")) ended_ = true;
    if (starts_with(type, "IDAT")) data_ = true;
    if (starts_with(type, "PLTE") && palette_at_ == 0) {
      palette_at_ = at;
      short_palette_ = length < kPaletteBytes;
      if (length > kPaletteBytes || length % 3 != 0) fail("a damaged PNG (palette)");
    }
    if (starts_with(type, "eXIf")) exif_ = body;
    if (starts_with(type, "caBX")) read_jumbf(body, metadata_);
    if (starts_with(type, "tEXt") || starts_with(type, "zTXt") || starts_with(type, "iTXt"))
      read_text_chunk(static_cast<char>(type.data[0]), body);
    return whole_ = at + kChunkFrame + length;
  }

  // The file ends inside a chunk: without pixels, or pixels and no IEND.
  size_t cut(size_t at) {
    whole_ = at;
    // Whether the chunk holds pixels cannot be told from less than its type.
    if (file_.size - at >= 8 && starts_with({file_.data + at + 4, 4}, "IDAT")) fail_truncated("PNG");
    return file_.size;
  }

  void read_header(Bytes type, Bytes body) {
    if (!starts_with(type, "IHDR") || body.size != 13) fail("a damaged PNG (no header)");
    width_ = big_endian(body.data, 4);
    height_ = big_endian(body.data + 4, 4);
    colour_type_ = body.data[kColourType];
    check_size(width_, height_, limit_);
  }

  // A key, a zero, and the text: as it is (tEXt), compressed (zTXt), or behind two bytes, a language and a
  // translated key (iTXt).
  void read_text_chunk(char kind, Bytes body) {
    const auto* const begin = reinterpret_cast<const char*>(body.data);
    const std::string_view all(begin, body.size);
    const size_t zero = all.find('\0');
    if (zero == std::string_view::npos) return;
    size_t from = zero + 1;
    bool packed = kind == 'z';
    if (packed) ++from;
    if (kind == 'i') {
      packed = from < all.size() && all[from] != 0;
      from += 2;
      for (int i = 0; i < 2; ++i) {
        const size_t end = from < all.size() ? all.find('\0', from) : std::string_view::npos;
        if (end == std::string_view::npos) return;
        from = end + 1;
      }
    }
    if (from > all.size()) return;
    std::optional<std::string> text(std::string(all.substr(from)));
    if (packed) text = inflate({body.data + from, body.size - from}, kLongestText);
    if (text) texts_.emplace_back(std::string(all.substr(0, zero)), std::move(*text));
  }

  // Orientation from the first place that says one.
  void tell() {
    if (exif_.data != nullptr) {
      constexpr std::string_view kJpegHeader("Exif\0\0", 6);  // which does not belong there, but is found
      const size_t skip = starts_with(exif_, kJpegHeader) ? kJpegHeader.size() : 0;
      read_exif({exif_.data + skip, exif_.size - skip}, metadata_);
    }
    for (const auto& [key, text] : texts_) {
      if (key == "Raw profile type exif" && exif_.data == nullptr) {
        const std::vector<uint8_t> profile = raw_profile(text);
        const size_t skip = starts_with({profile.data(), profile.size()}, "Exif") ? 6 : 0;
        if (profile.size() > skip) read_exif({profile.data() + skip, profile.size() - skip}, metadata_);
      } else {
        read_text(key, text, metadata_);
      }
    }
    for (const auto& [key, text] : texts_) {
      if (key == "XML:com.adobe.xmp" && metadata_.orientation == 0)
        metadata_.orientation = xmp_orientation({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
  }

  // The same file with a full palette and an end.
  std::vector<uint8_t> repaired_file() const {
    std::vector<uint8_t> out;
    size_t from = 0;
    out.reserve(file_.size + kPaletteBytes + 2 * kChunkFrame);
    if (palette_at_ != 0) {
      const size_t length = big_endian(file_.data + palette_at_, 4);
      std::vector<uint8_t> palette(file_.data + palette_at_ + 8, file_.data + palette_at_ + 8 + length);
      palette.resize(kPaletteBytes);
      out.assign(file_.data, file_.data + palette_at_);
      append_chunk(out, "PLTE", {palette.data(), palette.size()});
      from = palette_at_ + kChunkFrame + length;
    }
    out.insert(out.end(), file_.data + from, file_.data + whole_);
    if (!ended_) append_chunk(out, "IEND", {nullptr, 0});
    return out;
  }

  Bytes file_;
  SizeLimit limit_;
  size_t width_ = 0, height_ = 0, colour_type_ = 0;
  size_t palette_at_ = 0;      // where PLTE begins; 0 without
  size_t whole_ = kSignature;  // end of the last whole chunk
  bool data_ = false, ended_ = false, short_palette_ = false;
  Bytes exif_{nullptr, 0};
  std::vector<std::pair<std::string, std::string>> texts_;
  Metadata metadata_;
};

}  // namespace

StoredPicture decode_png(Bytes file, SizeLimit limit) {
  return PngReader(file, limit).run();
}

}  // namespace levit::tools
