// JPEG of a build without libjpeg-turbo. stb_image trusts what it reads: it goes on where tables or scans are
// missing and names components in its own way, which gives wrong pixels without a word. So the segments are
// walked first, and what it cannot read rightly is refused.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <vector>

#include "tools/picture/jpeg.h"
#include "tools/picture/stb.h"

namespace levit::tools {
namespace {

constexpr size_t kMostComponents = 4, kTables = 4;

// ISO/IEC 10918-1: segments from SOI to EOI, entropy-coded data behind each SOS.
class JpegWalk {
 public:
  JpegWalk(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  void run() {
    at_ = 2;  // SOI
    for (int marker = next_marker(); marker != 0xd9; marker = next_marker()) segment(marker);
    if (width == 0 || scanned_ == 0) fail("a damaged JPEG (no picture inside)");
    if (scanned_ != (1u << components_) - 1) fail("a damaged JPEG (a scan is missing)");
    for (size_t i = 0; progressive_ && i < components_; ++i)
      if ((exact_[i] & kGuessed) != kGuessed)
        fail("a progressive JPEG of which scans are missing; a build with libjpeg-turbo guesses them");
    if (components_ == 3 && jfif_ && std::memcmp(names_, "RGB", 3) == 0)
      fail("a JPEG whose components have misleading names; a build with libjpeg-turbo reads it");
  }

  size_t width = 0, height = 0;
  Metadata metadata;
  bool unmarked_cmyk() const { return components_ == 4 && !adobe_; }

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
    if (marker == 0xc4) read_huffman_tables(body);
    if (marker == 0xdb) read_quantisation_tables(body);
    read_application(marker, body);
    if (marker == 0xda) read_scan(body);
  }

  void read_application(int marker, Bytes body) {
    constexpr std::string_view kExif("Exif\0\0", 6), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
    if (marker == 0xe0 && starts_with(body, std::string_view("JFIF\0", 5))) jfif_ = true;
    if (marker == 0xee && body.size >= 12 && starts_with(body, "Adobe")) adobe_ = true;
    if (marker == 0xeb) read_jumbf(body, metadata);
    if (marker == 0xfe) read_comment(body, metadata);
    if (marker != 0xe1) return;
    if (starts_with(body, kXmp)) read_xmp({body.data + kXmp.size(), body.size - kXmp.size()}, metadata);
    if (!starts_with(body, kExif) || exif_) return;
    exif_ = true;
    read_exif({body.data + kExif.size(), body.size - kExif.size()}, metadata);
  }

  void read_frame(int marker, Bytes body) {
    if (marker > 0xc2)
      fail("a JPEG of a kind that is not read (lossless, hierarchical or arithmetic coding)");
    progressive_ = marker == 0xc2;
    if (width != 0) fail("a damaged JPEG (two frames)");
    if (body.size < 6) fail("a damaged JPEG (frame header)");
    if (body.data[0] != 8) fail("a JPEG of " + std::to_string(body.data[0]) + " bits; 8 are read");
    height = big_endian(body.data + 1, 2);
    width = big_endian(body.data + 3, 2);
    check_size(width, height, limit_);
    components_ = body.data[5];
    if (components_ != 1 && components_ != 3 && components_ != 4)
      fail("a JPEG of " + std::to_string(components_) + " components; 1, 3 and 4 are read");
    if (body.size < 6 + 3 * components_) fail("a damaged JPEG (frame header)");
    for (size_t i = 0; i < components_; ++i) {
      names_[i] = body.data[6 + 3 * i];
      quantisation_[i] = body.data[8 + 3 * i];
      if (std::find(names_, names_ + i, names_[i]) != names_ + i)
        fail("a JPEG with two components of one name; a build with libjpeg-turbo reads it");
    }
  }

  // A table of more than 256 symbols would run over the decoder's.
  void read_huffman_tables(Bytes body) {
    for (size_t at = 0; at < body.size;) {
      if (body.size - at < 17) fail("a damaged JPEG (Huffman table)");
      size_t symbols = 0;
      for (size_t i = 1; i <= 16; ++i) symbols += body.data[at + i];
      if (symbols > 256 || body.size - at - 17 < symbols) fail("a damaged JPEG (Huffman table)");
      huffman_ |= 1u << (body.data[at] % 32);
      at += 17 + symbols;
    }
  }

  void read_quantisation_tables(Bytes body) {
    for (size_t at = 0; at < body.size; at += body.data[at] >> 4 != 0 ? 129 : 65)
      if ((body.data[at] & 15) < kTables) defined_ |= 1u << (body.data[at] & 15);
  }

  void read_scan(Bytes body) {
    const size_t count = body.size > 0 ? body.data[0] : 0;
    if (width == 0 || count == 0 || body.size < 4 + 2 * count) fail("a damaged JPEG (scan header)");
    for (size_t i = 0; i < count; ++i) {
      const uint8_t name = body.data[1 + 2 * i], tables = body.data[2 + 2 * i];
      const auto component = static_cast<size_t>(std::find(names_, names_ + components_, name) - names_);
      if (component == components_) fail("a damaged JPEG (scan header)");
      scanned_ |= 1u << component;
      const uint8_t* const band = body.data + 1 + 2 * count;  // first, last, bits before and now
      for (size_t k = band[0]; k <= band[1] && k < 64; ++k)
        if ((band[2] & 15) == 0) exact_[component] |= uint64_t{1} << k;
      if (quantisation_[component] >= kTables || (defined_ >> quantisation_[component] & 1) == 0)
        fail("a damaged JPEG (a quantisation table is missing)");
      const uint32_t dc = 1u << (tables >> 4 & 15), ac = 1u << (16 + (tables & 15));
      if (!progressive_ && ((huffman_ & dc) == 0 || (huffman_ & ac) == 0))
        fail("a JPEG without Huffman tables; a build with libjpeg-turbo reads it");
    }
    const size_t start = at_;
    skip_scan();
    if (at_ == start) fail("a damaged JPEG (a scan without data)");
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
  bool progressive_ = false, jfif_ = false, adobe_ = false, exif_ = false;
  uint8_t names_[kMostComponents] = {}, quantisation_[kMostComponents] = {};
  static constexpr uint64_t kGuessed = 0x3ff;  // coefficients that libjpeg makes up where scans are missing
  uint64_t exact_[kMostComponents] = {};       // sets: coefficients whose last bit a progressive scan holds
  uint32_t scanned_ = 0, defined_ = 0, huffman_ = 0;  // sets: components, tables; DC tables, then AC
};

// Four components without Adobe's marker are inverted CMYK to every reader but stb_image: say so in its
// words.
std::vector<uint8_t> marked_cmyk(Bytes file) {
  static constexpr uint8_t kAdobe[] = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
  std::vector<uint8_t> marked(file.data, file.data + 2);
  marked.insert(marked.end(), std::begin(kAdobe), std::end(kAdobe));
  marked.insert(marked.end(), file.data + 2, file.data + file.size);
  return marked;
}

}  // namespace

bool decode_jpeg(Source& source, SizeLimit limit, const RowSink& sink) {
  const Bytes file = source.all();
  JpegWalk walk(file, limit);
  walk.run();
  const std::vector<uint8_t> marked = walk.unmarked_cmyk() ? marked_cmyk(file) : std::vector<uint8_t>();
  const Picture picture =
      decode_with_stb(marked.empty() ? file : Bytes{marked.data(), marked.size()}, walk.width, walk.height);
  uint8_t* const out = sink.begin(picture.width, picture.height, walk.metadata);
  if (out != nullptr) {
    std::memcpy(out, picture.pixels.get(), 3 * picture.width * picture.height);
  } else {
    sink.take(picture.pixels.get(), picture.height);
  }
  return false;
}

}  // namespace levit::tools
