#include "tools/picture/pnm.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace levit::tools {
namespace {

constexpr size_t kLargestSample = 65535;

bool is_space(uint8_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

class PnmReader {
 public:
  PnmReader(Bytes file, SizeLimit limit) : file_(file), limit_(limit), kind_(file.data[1]) {}

  StoredPicture run() {
    at_ = 2;
    kind_ == '7' ? read_pam_header() : read_header();
    check_size(width_, height_, limit_);
    if (largest_ == 0 || largest_ > kLargestSample)
      fail("a PNM whose largest value is " + std::to_string(largest_) + "; 1 to 65535 are read");
    fill_scale();
    picture_ = black_picture(width_, height_);
    const size_t pixels = kind_ <= '3' ? draw_text() : kind_ == '4' ? draw_bits() : draw_binary();
    if (pixels == 0) fail_truncated("PNM");
    picture_.incomplete = pixels < width_ * height_;
    StoredPicture decoded;
    decoded.picture = std::move(picture_);
    return decoded;
  }

 private:
  // To the next byte that is neither white space nor in a comment; false at the end of the file.
  bool skip_space() {
    bool comment = false;
    for (; at_ < file_.size; ++at_) {
      const uint8_t c = file_.data[at_];
      if (c == '#') comment = true;
      if (comment && (c == '\n' || c == '\r')) comment = false;
      if (!comment && !is_space(c)) return true;
    }
    return false;
  }

  // A decimal number of at most nine digits; false when none is there.
  bool number(size_t& value) {
    const size_t start = at_;
    value = 0;
    for (; at_ < file_.size && file_.data[at_] >= '0' && file_.data[at_] <= '9' && at_ - start < 9; ++at_)
      value = 10 * value + (file_.data[at_] - size_t{'0'});
    return at_ > start;
  }

  size_t header_number() {
    size_t value = 0;
    if (!skip_space()) fail_truncated("PNM");
    if (!number(value)) fail("a damaged PNM (header)");
    if (at_ >= file_.size) fail_truncated("PNM");
    return value;
  }

  void read_header() {
    const bool bitmap = kind_ == '1' || kind_ == '4';
    width_ = header_number();
    height_ = header_number();
    largest_ = bitmap ? 1 : header_number();
    components_ = kind_ == '3' || kind_ == '6' ? 3 : 1;
    end_header();
  }

  // One white space stands between the header and the samples.
  void end_header() {
    if (at_ < file_.size && !is_space(file_.data[at_])) fail("a damaged PNM (header)");
    ++at_;
  }

  // Lines of a word and its value, until ENDHDR.
  void read_pam_header() {
    for (;;) {
      if (!skip_space()) fail_truncated("PNM");
      std::string word;
      for (; at_ < file_.size && !is_space(file_.data[at_]); ++at_)
        word += static_cast<char>(file_.data[at_]);
      if (at_ >= file_.size) fail_truncated("PNM");
      if (word == "ENDHDR") break;
      if (word == "WIDTH") {
        width_ = header_number();
      } else if (word == "HEIGHT") {
        height_ = header_number();
      } else if (word == "DEPTH") {
        components_ = header_number();
      } else if (word == "MAXVAL") {
        largest_ = header_number();
      } else {  // TUPLTYPE: the depth says enough
        while (at_ < file_.size && file_.data[at_] != '\n') ++at_;
      }
    }
    if (components_ < 1 || components_ > 4)
      fail("a PAM of " + std::to_string(components_) + " samples a pixel; 1 to 4 are read");
    end_header();
  }

  // Pillow: round(value / largest * 255), halves to the even number.
  void fill_scale() {
    if (largest_ == 255 || largest_ == kLargestSample) return;
    scale_.resize(largest_ + 1);
    for (size_t i = 0; i <= largest_; ++i)
      scale_[i] =
          static_cast<uint8_t>(std::nearbyint(static_cast<double>(i) / static_cast<double>(largest_) * 255));
  }

  uint8_t scaled(size_t value) const {
    if (largest_ == 255) return static_cast<uint8_t>(std::min(value, size_t{255}));
    if (largest_ == kLargestSample) return static_cast<uint8_t>(value >> 8);
    return scale_[std::min(value, largest_)];
  }

  void put(size_t pixel, size_t component, uint8_t value) {
    uint8_t* const to = &picture_.pixels[3 * pixel];
    if (components_ >= 3) {
      if (component < 3) to[component] = value;
    } else if (component == 0) {
      std::fill(to, to + 3, value);
    }
  }

  // The number of pixels that are there; so with the others.
  size_t draw_text() {
    const size_t samples = width_ * height_ * components_;
    for (size_t i = 0; i < samples; ++i) {
      if (!skip_space()) return i / components_;
      size_t value = 0;
      if (kind_ == '1') {  // single digits, with or without white space between them
        value = file_.data[at_++] - size_t{'0'};
        if (value > 1) fail("a damaged PNM (a bit that is neither 0 nor 1)");
        value = 1 - value;  // one is black
      } else if (!number(value)) {
        fail("a damaged PNM (a sample that is no number)");
      } else if (value > largest_) {
        fail("a damaged PNM (a sample above the largest value)");
      }
      put(i / components_, i % components_, scaled(value));
    }
    return width_ * height_;
  }

  size_t draw_bits() {
    const size_t row = (width_ + 7) / 8;
    for (size_t y = 0; y < height_; ++y) {
      for (size_t x = 0; x < width_; ++x) {
        const size_t byte = at_ + y * row + x / 8;
        if (byte >= file_.size) return y * width_ + x;
        const bool black = (file_.data[byte] >> (7 - x % 8) & 1) != 0;
        put(y * width_ + x, 0, black ? 0 : 255);
      }
    }
    return width_ * height_;
  }

  size_t draw_binary() {
    const size_t sample_bytes = largest_ > 255 ? 2 : 1, step = components_ * sample_bytes;
    const size_t present = at_ < file_.size ? (file_.size - at_) / step : 0;
    const size_t pixels = std::min(present, width_ * height_);
    const uint8_t* from = file_.data + at_;
    for (size_t i = 0; i < pixels; ++i) {
      for (size_t c = 0; c < components_; ++c, from += sample_bytes)
        put(i, c, scaled(big_endian(from, sample_bytes)));
    }
    return pixels;
  }

  Bytes file_;
  SizeLimit limit_;
  const uint8_t kind_;
  size_t at_ = 0, width_ = 0, height_ = 0, components_ = 0, largest_ = 0;
  std::vector<uint8_t> scale_;  // [largest + 1], for other values than 255 and 65535
  Picture picture_;
};

}  // namespace

StoredPicture decode_pnm(Bytes file, SizeLimit limit) {
  return PnmReader(file, limit).run();
}

}  // namespace levit::tools
