// GIF87a and GIF89a (CompuServe 1990): blocks up to the first frame, its LZW codes, its rows in their order.
#include "tools/picture/gif.h"

#include <algorithm>
#include <array>

namespace levit::tools {
namespace {

constexpr size_t kScreenBytes = 13;  // signature and logical screen
constexpr size_t kFrameBytes = 9;    // image descriptor
constexpr uint8_t kExtension = '!', kFrame = ',', kEnd = ';', kGraphicControl = 0xf9;

class GifReader {
 public:
  GifReader(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  StoredPicture run() {
    const uint8_t* const screen = take(kScreenBytes);
    width_ = little_endian(screen + 6, 2);
    height_ = little_endian(screen + 8, 2);
    for (size_t i = 0; i < colours_.size(); ++i) colours_[i].fill(static_cast<uint8_t>(i));
    read_palette(screen[10]);
    find_frame();
    const uint8_t* const frame = take(kFrameBytes);
    left_ = little_endian(frame, 2);
    top_ = little_endian(frame + 2, 2);
    frame_width_ = little_endian(frame + 4, 2);
    frame_height_ = little_endian(frame + 6, 2);
    interlaced_ = (frame[8] & 0x40) != 0;
    read_palette(frame[8]);
    // A frame that leaves the screen makes it larger.
    width_ = std::max(width_, left_ + frame_width_);
    height_ = std::max(height_, top_ + frame_height_);
    check_size(width_, height_, limit_);
    picture_ = black_picture(width_, height_);
    for (size_t i = 0; i < width_ * height_; ++i)
      std::copy_n(colours_[transparent_].begin(), 3, &picture_.pixels[3 * i]);
    read_codes();
    const size_t pixels = frame_width_ * frame_height_;
    if (drawn_ == 0 && pixels > 0) fail_truncated("GIF");
    picture_.incomplete = drawn_ < pixels;
    return {std::move(picture_), {}};
  }

 private:
  using Colour = std::array<uint8_t, 3>;

  const uint8_t* take(size_t bytes) {
    if (file_.size - at_ < bytes) fail_truncated("GIF");
    at_ += bytes;
    return file_.data + at_ - bytes;
  }

  // A frame's own palette stands in place of the screen's. Beyond its end colours are black, as in Pillow;
  // one that is the grey ramp, and no palette at all, are the ramp of all 256.
  void read_palette(uint8_t flags) {
    if ((flags & 0x80) == 0) return;
    const size_t count = size_t{2} << (flags & 7);
    const uint8_t* const from = take(3 * count);
    bool ramp = true;
    for (size_t i = 0; i < colours_.size(); ++i) {
      if (i < count) {
        std::copy_n(from + 3 * i, 3, colours_[i].begin());
        ramp = ramp && std::count(colours_[i].begin(), colours_[i].end(), static_cast<uint8_t>(i)) == 3;
      } else {
        colours_[i].fill(ramp ? static_cast<uint8_t>(i) : 0);
      }
    }
  }

  // Goes to the first frame, past extensions and what is no block.
  void find_frame() {
    for (;;) {
      const uint8_t block = *take(1);
      if (block == kFrame) return;
      if (block == kEnd) fail("a GIF without a picture");
      if (block != kExtension) continue;
      const bool control = *take(1) == kGraphicControl;
      size_t count = *take(1);
      if (control && count >= 4 && file_.size - at_ >= count && (file_.data[at_] & 1) != 0)
        transparent_ = file_.data[at_ + 3];
      while (count > 0) {
        take(count);
        count = *take(1);
      }
    }
  }

  // The next code of so many bits, from blocks that begin with their length; false at their end, and at that
  // of the file.
  bool next_code(size_t bits, size_t& code) {
    while (bit_count_ < bits) {
      if (block_left_ == 0) {
        if (at_ == file_.size || file_.data[at_] == 0) return false;
        block_left_ = file_.data[at_++];
      }
      if (at_ == file_.size) return false;
      bits_ |= size_t{file_.data[at_++]} << bit_count_;
      bit_count_ += 8;
      --block_left_;
    }
    code = bits_ & ((size_t{1} << bits) - 1);
    bits_ >>= bits;
    bit_count_ -= bits;
    return true;
  }

  // LZW of variable width: each code is a pixel, or a string of an earlier code and one pixel.
  void read_codes() {
    constexpr size_t kMostBits = 12, kMostCodes = size_t{1} << kMostBits;
    const size_t least_bits = *take(1);
    if (least_bits >= kMostBits || least_bits == 0) fail("a damaged GIF (its codes have a wrong width)");
    const size_t clear = size_t{1} << least_bits, end = clear + 1, pixels = frame_width_ * frame_height_;
    std::array<uint16_t, kMostCodes> before;  // written from `end` on before it is read
    std::array<uint8_t, kMostCodes> last, text;
    size_t bits = least_bits + 1, next = end + 1, previous = clear;
    uint8_t first = 0;  // pixel of the previous string
    for (size_t code; drawn_ < pixels && next_code(bits, code) && code != end;) {
      if (code == clear) {
        bits = least_bits + 1;
        next = end + 1;
        previous = clear;
        continue;
      }
      if (code > next || (previous == clear && code > clear)) return damaged();
      size_t length = 0, at = code;
      if (code == next) {  // the string that is being made: the previous one and its first pixel
        text[length++] = first;
        at = previous;
      }
      for (; at > end; at = before[at]) text[length++] = last[at];
      first = static_cast<uint8_t>(at);
      draw(first, pixels);
      while (length > 0) draw(text[--length], pixels);
      if (previous != clear && next < kMostCodes) {
        before[next] = static_cast<uint16_t>(previous);
        last[next] = first;
        if (++next == size_t{1} << bits && bits < kMostBits) ++bits;
      }
      previous = code;
    }
  }

  void damaged() const {
    if (drawn_ == 0) fail("a damaged GIF (a code before it is defined)");
  }

  void draw(uint8_t index, size_t pixels) {
    if (drawn_ == pixels) return;
    const size_t x = left_ + drawn_ % frame_width_, y = top_ + row(drawn_ / frame_width_);
    std::copy_n(colours_[index].begin(), 3, &picture_.pixels[3 * (y * width_ + x)]);
    ++drawn_;
  }

  // The row that stands at that place of the file: interlaced, every eighth, those between them, and so on.
  size_t row(size_t place) const {
    if (!interlaced_) return place;
    size_t step = 8, first = 0;
    for (;;) {
      const size_t rows = frame_height_ > first ? (frame_height_ - first + step - 1) / step : 0;
      if (place < rows) return first + place * step;
      place -= rows;
      first = first == 0 ? 4 : step / 4;
      step = first * 2;
    }
  }

  Bytes file_;
  SizeLimit limit_;
  size_t at_ = 0;
  size_t width_ = 0, height_ = 0;  // of the screen
  size_t left_ = 0, top_ = 0, frame_width_ = 0, frame_height_ = 0;
  bool interlaced_ = false;
  uint8_t transparent_ = 0;
  std::array<Colour, 256> colours_{};
  size_t bits_ = 0, bit_count_ = 0, block_left_ = 0;  // read ahead; bytes of the block to come
  Picture picture_;
  size_t drawn_ = 0;  // pixels of the frame
};

}  // namespace

StoredPicture decode_gif(Bytes file, SizeLimit limit) {
  return GifReader(file, limit).run();
}

}  // namespace levit::tools
