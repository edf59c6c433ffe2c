// BMP: a header of 12 bytes (OS/2 1.x), of 16 to 64 (OS/2 2.x) or of 40, 52, 56, 108 or 124 (Windows), masks,
// a palette, then rows from the bottom or from the top. Fields that a short header lacks are zero.
#include "tools/picture/bmp.h"

#include <algorithm>
#include <array>
#include <utility>

namespace levit::tools {
namespace {

constexpr uint32_t kPlain = 0, kRle8 = 1, kRle4 = 2, kBitfields = 3, kRle24 = 4, kAlphaBitfields = 6;
constexpr size_t kFileHeader = 14, kOldHeader = 12, kWindowsHeader = 40, kOs2Header = 64;

// One colour of a pixel of masks: (pixel & mask) >> shift is 0 .. largest.
struct Channel {
  uint32_t mask, shift, largest;
};

Channel channel(uint32_t mask) {
  Channel c{mask, 0, mask};
  while (c.largest != 0 && (c.largest & 1) == 0) {
    c.largest >>= 1;
    ++c.shift;
  }
  if ((c.largest & (c.largest + 1)) != 0) fail("a damaged BMP (a mask with a gap)");
  return c;
}

// As Pillow scales five and six bits: truncated.
uint8_t value(const Channel& c, uint32_t pixel) {
  if (c.largest == 0) return 0;
  return static_cast<uint8_t>(uint64_t{(pixel & c.mask) >> c.shift} * 255 / c.largest);
}

class BmpReader {
 public:
  BmpReader(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  StoredPicture run() {
    read_header();
    read_masks();
    read_palette();
    picture_ = black_picture(width_, height_);
    const bool runs = compression_ == kRle8 || compression_ == kRle4 || compression_ == kRle24;
    runs ? draw_runs() : draw_rows();
    StoredPicture decoded;
    decoded.picture = std::move(picture_);
    return decoded;
  }

 private:
  using Colour = std::array<uint8_t, 3>;

  // A field of the header behind the file's own; zero where the header ends before it.
  uint32_t field(size_t at, size_t bytes) const {
    return at + bytes <= header_ ? little_endian(file_.data + kFileHeader + at, bytes) : 0;
  }

  void read_header() {
    if (file_.size < kFileHeader + 4) fail_truncated("BMP");
    header_ = little_endian(file_.data + kFileHeader, 4);
    const bool known =
        header_ == kOldHeader || (header_ >= 16 && header_ <= kOs2Header) || header_ == 108 || header_ == 124;
    if (!known)
      fail("a BMP whose header has " + std::to_string(header_) + " bytes, a size that is not known");
    if (file_.size < kFileHeader + header_) fail_truncated("BMP");
    old_ = header_ == kOldHeader;
    const auto width = static_cast<int32_t>(field(4, old_ ? 2 : 4));
    const int64_t height = old_ ? int64_t{field(6, 2)} : int64_t{static_cast<int32_t>(field(8, 4))};
    top_down_ = height < 0;
    check_size(static_cast<uint64_t>(std::max(width, 0)), static_cast<uint64_t>(top_down_ ? -height : height),
               limit_);
    width_ = static_cast<size_t>(width);
    height_ = static_cast<size_t>(top_down_ ? -height : height);
    bits_ = field(old_ ? 10 : 14, 2);
    compression_ = old_ ? kPlain : field(16, 4);
    if (compression_ == 4 && header_ != kOs2Header) fail("a BMP that holds a JPEG, which is not read");
    if (compression_ == 5) fail("a BMP that holds a PNG, which is not read");
    if (compression_ == 3 && header_ == kOs2Header) fail("a BMP of fax compression, which is not read");
    if (compression_ > kAlphaBitfields) fail("a BMP of a compression that is not known");
    const bool bits_known =
        bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8 || bits_ == 16 || bits_ == 24 || bits_ == 32;
    const uint32_t run_bits = compression_ == kRle8 ? 8 : compression_ == kRle4 ? 4 : 24;
    const bool runs = compression_ == kRle8 || compression_ == kRle4 || compression_ == kRle24;
    if (!bits_known || (runs && bits_ != run_bits)) fail("a damaged BMP (bits)");
    first_ = little_endian(file_.data + 10, 4);
  }

  void read_masks() {
    behind_ = kFileHeader + header_;
    const bool masked = compression_ == kBitfields || compression_ == kAlphaBitfields;
    std::array<uint32_t, 3> masks = {0xff0000, 0xff00, 0xff};
    if (bits_ == 16) masks = {0x7c00, 0x3e0, 0x1f};
    if (masked && bits_ != 16 && bits_ != 32) fail("a damaged BMP (masks for pixels without)");
    if (masked) {
      // Inside a header that has room for them, else behind it.
      const size_t at = kFileHeader + kWindowsHeader;
      if (header_ <= kWindowsHeader) behind_ += compression_ == kAlphaBitfields ? 16 : 12;
      if (header_ < kWindowsHeader) fail("a damaged BMP (masks for a short header)");
      if (file_.size < std::max<size_t>(behind_, at + 12)) fail_truncated("BMP");
      for (size_t i = 0; i < 3; ++i) masks[i] = little_endian(file_.data + at + 4 * i, 4);
    }
    for (size_t i = 0; i < 3; ++i) channels_[i] = channel(masks[i]);
  }

  void read_palette() {
    if (first_ < behind_) fail("a damaged BMP (offset of the pixels)");
    if (bits_ > 8) return;  // a palette for old displays may stand there all the same
    const size_t entry = old_ ? 3 : 4, used = field(32, 4), most = size_t{1} << bits_;
    const size_t room = (std::min(first_, file_.size) - std::min(behind_, file_.size)) / entry;
    const size_t count = std::min({used == 0 ? most : used, most, room});
    for (size_t i = 0; i < count; ++i) {
      const uint8_t* blue = file_.data + behind_ + i * entry;
      palette_[i] = {blue[2], blue[1], blue[0]};
    }
  }

  uint8_t* pixel(size_t x, size_t row) {
    return &picture_.pixels[3 * ((top_down_ ? row : height_ - 1 - row) * width_ + x)];
  }

  void put(size_t x, size_t row, const Colour& colour) {
    std::copy(colour.begin(), colour.end(), pixel(x, row));
  }

  void draw_rows() {
    const uint64_t stride = (uint64_t{width_} * bits_ + 31) / 32 * 4;
    const size_t available = file_.size > first_ ? file_.size - first_ : 0;
    if (available * 8 < bits_) fail_truncated("BMP");
    for (size_t row = 0; row < height_; ++row) {
      const uint64_t at = row * stride;
      const uint64_t bits = at < available ? (available - at) * 8 : 0;
      const auto pixels = static_cast<size_t>(std::min<uint64_t>(width_, bits / bits_));
      if (pixels < width_) picture_.incomplete = true;
      if (pixels == 0) return;
      draw_row(file_.data + first_ + at, row, pixels);
    }
  }

  void draw_row(const uint8_t* from, size_t row, size_t pixels) {
    uint8_t* to = pixel(0, row);
    for (size_t x = 0; x < pixels; ++x, to += 3) {
      if (bits_ <= 8) {
        const size_t bit = x * bits_;
        const unsigned index = from[bit / 8] >> (8 - bits_ - bit % 8) & ((1u << bits_) - 1);
        std::copy(palette_[index].begin(), palette_[index].end(), to);
      } else if (bits_ == 24) {
        for (size_t c = 0; c < 3; ++c) to[c] = from[3 * x + 2 - c];
      } else {
        const uint32_t packed = little_endian(from + x * bits_ / 8, bits_ / 8);
        for (size_t c = 0; c < 3; ++c) to[c] = value(channels_[c], packed);
      }
    }
  }

  // Pairs of bytes: a run and its colour; or zero and the end of a row, the end, a step, or a count of plain
  // pixels. Pixels that are stepped over have index 0, as Pillow draws them.
  void draw_runs() {
    if (compression_ != kRle24)
      for (size_t i = 0; i < width_ * height_; ++i) put(i % width_, i / width_, palette_[0]);
    at_ = first_;
    size_t x = 0, row = 0;
    bool drawn = false;
    while (row < height_) {
      if (!has(2)) break;
      const size_t count = file_.data[at_], code = file_.data[at_ + 1];
      if (count > 0) {
        ++at_;
        if (!has(colour_bytes())) break;
        run(count, x, row);
        at_ += colour_bytes();
        drawn = true;
        continue;
      }
      at_ += 2;
      if (code == 0) {
        x = 0;
        ++row;
      } else if (code == 1) {
        return;
      } else if (code == 2) {
        if (!has(2)) break;
        x += file_.data[at_];
        row += file_.data[at_ + 1];
        at_ += 2;
      } else {
        drawn = true;
        if (!plain(code, x, row)) break;
      }
    }
    if (row >= height_) return;
    if (!drawn) fail_truncated("BMP");
    picture_.incomplete = x < width_ || row + 1 < height_;
  }

  bool has(size_t bytes) const { return at_ <= file_.size && file_.size - at_ >= bytes; }
  size_t colour_bytes() const { return compression_ == kRle24 ? 3 : 1; }

  // The colour of pixel i of what begins at at_.
  Colour colour(size_t i, bool repeated) const {
    const uint8_t* from = file_.data + at_;
    if (compression_ == kRle24) {
      from += repeated ? 0 : 3 * i;
      return {from[2], from[1], from[0]};
    }
    if (compression_ == kRle8) return palette_[from[repeated ? 0 : i]];
    const unsigned pair = from[repeated ? 0 : i / 2];
    return palette_[i % 2 == 0 ? pair >> 4 : pair & 15];
  }

  void run(size_t count, size_t& x, size_t row) {
    for (size_t i = 0; i < count && x < width_; ++i) put(x++, row, colour(i, true));
  }

  // Pixels one by one, filled up to an even number of bytes. False when the file ends inside.
  bool plain(size_t count, size_t& x, size_t row) {
    const size_t bytes = compression_ == kRle4 ? (count + 1) / 2 : count * colour_bytes();
    const size_t present = std::min(bytes, file_.size - at_);
    const size_t pixels = compression_ == kRle4 ? std::min(count, 2 * present) : present / colour_bytes();
    for (size_t i = 0; i < pixels && x < width_; ++i) put(x++, row, colour(i, false));
    at_ += (bytes + 1) / 2 * 2;
    return present == bytes;
  }

  Bytes file_;
  SizeLimit limit_;
  size_t header_ = 0, behind_ = 0, first_ = 0, at_ = 0;  // bytes; where things begin
  size_t width_ = 0, height_ = 0;
  uint32_t bits_ = 0, compression_ = 0;
  bool old_ = false, top_down_ = false;
  std::array<Channel, 3> channels_{};
  std::array<Colour, 256> palette_{};  // black beyond what the file gives
  Picture picture_;
};

}  // namespace

StoredPicture decode_bmp(Bytes file, SizeLimit limit) {
  return BmpReader(file, limit).run();
}

}  // namespace levit::tools
