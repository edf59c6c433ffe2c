// Formats other than JPEG in their kinds. BMP, PNM and PNG are written here, field by field, around pixels
// that are known; WebP in tests/data/pictures/kinds is compared with Pillow's pixels.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "tests/support/npy.h"
#include "tools/picture/picture.h"

namespace {

namespace fs = std::filesystem;
using levit::tests::data_path;
using levit::tools::decode_picture;
using levit::tools::Picture;
using Rgb = std::vector<std::array<int, 3>>;

std::string number(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
  return out;
}

Picture decode(const std::string& file) {
  const std::vector<uint8_t> copy(file.begin(), file.end());  // of exactly that size, for the sanitizers
  return decode_picture(copy.data(), copy.size());
}

Rgb pixels(const Picture& picture) {
  Rgb out;
  for (size_t i = 0; i < picture.width * picture.height; ++i)
    out.push_back({picture.pixels[3 * i], picture.pixels[3 * i + 1], picture.pixels[3 * i + 2]});
  return out;
}
Rgb pixels(const std::string& file) {
  const Picture picture = decode(file);
  CHECK_FALSE(picture.incomplete);
  return pixels(picture);
}

std::string refusal(const std::string& file) {
  try {
    decode(file);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

constexpr std::array<int, 3> kBlack = {0, 0, 0}, kRed = {255, 0, 0}, kGreen = {0, 255, 0},
                             kBlue = {0, 0, 255};

struct Bmp {
  size_t header = 40;
  int width = 2, height = 2;
  unsigned bits = 24, compression = 0, colours = 0;
  std::string masks, palette, gap, data;
};

std::string write(const Bmp& b) {
  std::string info = number(b.header, 4);
  if (b.header == 12) {
    info += number(static_cast<uint64_t>(b.width), 2) + number(static_cast<uint64_t>(b.height), 2) +
            number(1, 2) + number(b.bits, 2);
  } else {
    info += number(static_cast<uint64_t>(b.width), 4) + number(static_cast<uint64_t>(b.height), 4) +
            number(1, 2) + number(b.bits, 2) + number(b.compression, 4) + number(0, 4) + number(0, 8) +
            number(b.colours, 4) + number(0, 4);
    if (b.header > 40) info += b.masks;  // else they stand behind the header
    info.resize(b.header);
  }
  if (b.header == 40) info += b.masks;
  info += b.palette + b.gap;
  return "BM" + number(14 + info.size() + b.data.size(), 4) + number(0, 4) + number(14 + info.size(), 4) +
         info + b.data;
}

// blue green / red black, from the bottom, as 24 bits and in two rows of eight bytes
const std::string kRows24 = std::string("\0\0\xff\0\0\0\0\0", 8) + std::string("\xff\0\0\0\xff\0\0\0", 8);
const Rgb kFour = {kBlue, kGreen, kRed, kBlack};
// black, red, green, blue
const std::string kPalette4 = std::string("\0\0\0\0\0\0\xff\0\0\xff\0\0\xff\0\0\0", 16);

}  // namespace

TEST_CASE("BMP is read with every header, gaps and superfluous palettes") {
  for (const size_t header : {12, 16, 40, 52, 56, 64, 108, 124}) {
    CAPTURE(header);
    Bmp b;
    b.header = header;
    b.data = kRows24;
    CHECK(pixels(write(b)) == kFour);
    b.gap = "xx";
    CHECK(pixels(write(b)) == kFour);
    b.gap = "";
    b.palette = kPalette4;
    b.colours = 4;
    CHECK(pixels(write(b)) == kFour);
    if (header == 12) continue;
    b.height = -2;
    CHECK(pixels(write(b)) == Rgb{kRed, kBlack, kBlue, kGreen});
  }
  Bmp b;
  b.header = 41;
  b.data = kRows24;
  CHECK(refusal(write(b)) == "");  // between OS/2's 16 and 64
  b.header = 80;
  CHECK(refusal(write(b)) == "a BMP whose header has 80 bytes, a size that is not known");
}

TEST_CASE("BMP is read with every number of bits, and indices beyond the palette are black") {
  const Rgb expected = {kBlue, kGreen, kRed, kBlack};  // indices 3 2 / 1 0
  for (const size_t header : {12, 40, 64, 124}) {
    Bmp b;
    b.header = header;
    b.palette = kPalette4;
    if (header == 12) b.palette = std::string("\0\0\0\0\0\xff\0\xff\0\xff\0\0", 12);
    for (const unsigned bits : {2u, 4u, 8u}) {
      CAPTURE(header);
      CAPTURE(bits);
      b.bits = bits;
      b.colours = 4;
      b.data = bits == 2   ? std::string("\x40\0\0\0\xe0\0\0\0", 8)
               : bits == 4 ? std::string("\x10\0\0\0\x32\0\0\0", 8)
                           : std::string("\1\0\0\0\3\2\0\0", 8);
      CHECK(pixels(write(b)) == expected);
      if (bits == 2) continue;
      b.data = bits == 4 ? std::string("\x1f\0\0\0\x32\0\0\0", 8) : std::string("\1\xc8\0\0\3\2\0\0", 8);
      CHECK(pixels(write(b)) == expected);
    }
  }
  Bmp b;
  b.bits = 1;
  b.colours = 2;
  b.palette = kPalette4.substr(0, 8);
  b.data = std::string("\x80\0\0\0\x40\0\0\0", 8);
  CHECK(pixels(write(b)) == Rgb{kBlack, kRed, kRed, kBlack});
  b.palette = kPalette4.substr(4, 4);  // one colour; the other one is black
  b.colours = 1;
  CHECK(pixels(write(b)) == Rgb{kRed, kBlack, kBlack, kRed});
}

TEST_CASE("BMP of 16 and 32 bits is read with and without masks, inside the header and behind it") {
  Bmp b;
  b.bits = 16;
  b.data = number(0x7c00, 2) + number(0, 2) + number(0x1f, 2) + number(0x3e0, 2);
  CHECK(pixels(write(b)) == kFour);
  b.compression = 3;
  b.masks = number(0xf800, 4) + number(0x7e0, 4) + number(0x1f, 4);
  b.data = number(0xf800, 2) + number(0, 2) + number(0x1f, 2) + number(0x7e0, 2);
  for (const size_t header : {40, 52, 56, 108, 124}) {
    b.header = header;
    CHECK(pixels(write(b)) == kFour);
  }
  b.header = 40;
  b.data = number(0x8410, 2) + number(0, 6);  // 16/31, 32/63, 16/31, truncated as by Pillow
  CHECK(pixels(write(b))[2] == std::array<int, 3>{131, 129, 131});
  b.masks = number(0x5, 4) + number(0, 8);
  CHECK(refusal(write(b)) == "a damaged BMP (a mask with a gap)");

  Bmp wide;
  wide.bits = 32;
  wide.data = number(0xff0000, 4) + number(0, 4) + number(0xff, 4) + number(0xff00, 4);
  CHECK(pixels(write(wide)) == kFour);
  wide.compression = 3;
  wide.masks = number(0x3ff00000, 4) + number(0xffc00, 4) + number(0x3ff, 4);  // 10 bits each
  wide.data = number(0x3ff00000, 4) + number(0, 4) + number(0x3ff, 4) + number(0xffc00, 4);
  CHECK(pixels(write(wide)) == kFour);
}

TEST_CASE("BMP of runs is read: runs, plain pixels, steps, and an end before the last row") {
  Bmp b;
  b.width = 4;
  b.bits = 8;
  b.compression = 1;
  b.colours = 4;
  b.palette = kPalette4;
  const Rgb expected = {kBlue, kBlue, kGreen, kRed, kRed, kRed, kRed, kRed};
  b.data = std::string("\4\1\0\0\2\3\0\2\0\0\1\2\1\1\0\1", 16);  // 0 2 0 0: a step of nothing
  CHECK(pixels(write(b)) == expected);
  b.data = std::string("\4\1\0\0\0\4\3\3\2\1\0\1", 12);
  CHECK(pixels(write(b)) == expected);
  b.data = std::string("\0\2\3\1\1\1\0\1", 8);  // three to the right, one up
  CHECK(pixels(write(b)) == Rgb{kBlack, kBlack, kBlack, kRed, kBlack, kBlack, kBlack, kBlack});
  b.bits = 4;
  b.compression = 2;
  b.data = std::string("\4\x11\0\0\0\4\x33\x21\0\1", 10);
  CHECK(pixels(write(b)) == expected);
  b.data = std::string("\4\x12", 2);  // alternating, then nothing more
  const Picture cut = decode(write(b));
  CHECK(cut.incomplete);
  CHECK(pixels(cut) == Rgb{kBlack, kBlack, kBlack, kBlack, kRed, kGreen, kRed, kGreen});
  b.header = 64;
  b.bits = 24;
  b.compression = 4;
  b.palette = "";
  b.data = std::string("\4\0\0\xff\0\0\2\xff\0\0\1\0\xff\0\1\0\0\xff\0\1", 20);
  CHECK(pixels(write(b)) == expected);
}

TEST_CASE("BMP of compressions that are not read is refused by what it holds") {
  Bmp b;
  b.data = kRows24;
  b.compression = 4;
  CHECK(refusal(write(b)) == "a BMP that holds a JPEG, which is not read");
  b.compression = 5;
  CHECK(refusal(write(b)) == "a BMP that holds a PNG, which is not read");
  b.compression = 9;
  CHECK(refusal(write(b)) == "a BMP of a compression that is not known");
  b.compression = 0;
  b.bits = 7;
  CHECK(refusal(write(b)) == "a damaged BMP (bits)");
}

TEST_CASE("PNM of every kind, of any largest value and PAM are read") {
  const Rgb two = {{0, 0, 0}, {255, 255, 255}};
  CHECK(pixels("P1 2 1 1 0") == two);
  CHECK(pixels("P1\n# a comment\n2 1\n10") == two);
  CHECK(pixels(std::string("P4 2 1\n\x80", 8)) == two);
  CHECK(pixels("P2 2 1 7 0 7") == two);
  CHECK(pixels("P2 2 1 7 #c\n0 # d\n7") == two);
  CHECK(pixels(std::string("P5 2 1 1\n\0\1", 11)) == two);
  CHECK(pixels(std::string("P5 2 1 1000\n\0\0\3\xe8", 16)) == two);
  CHECK(pixels("P3 1 2 255 1 2 3\n4 5 6") == Rgb{{1, 2, 3}, {4, 5, 6}});
  CHECK(pixels(std::string("P6 1 1 1023\n\0\0\1\xff\3\xff", 18)) == Rgb{{0, 127, 255}});
  CHECK(pixels("P2 1 1 100 50") == Rgb{{128, 128, 128}});          // 127.5 to the even number
  CHECK(pixels("P2 1 1 65535 511") == Rgb{{1, 1, 1}});             // the high byte
  CHECK(pixels("P6 1 1 9 \x09\x09\xff") == Rgb{{255, 255, 255}});  // above the largest
  const std::string pam = "P7\nWIDTH 1\n# c\nHEIGHT 2\nDEPTH ";
  CHECK(pixels(pam + "1\nMAXVAL 255\nENDHDR\nab") == Rgb{{97, 97, 97}, {98, 98, 98}});
  CHECK(pixels(pam + "2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\naxbx") ==
        Rgb{{97, 97, 97}, {98, 98, 98}});
  CHECK(pixels(pam + "3\nMAXVAL 255\nENDHDR\nabcdef") == Rgb{{97, 98, 99}, {100, 101, 102}});
  CHECK(pixels(pam + "4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcxdefx") ==
        Rgb{{97, 98, 99}, {100, 101, 102}});
  CHECK(refusal(pam + "5\nMAXVAL 255\nENDHDR\nabcdefghij") == "a PAM of 5 samples a pixel; 1 to 4 are read");
  CHECK(refusal("P1 2 1 1 2") == "a damaged PNM (a bit that is neither 0 nor 1)");
  CHECK(refusal("P2 2 1 7 1 8") == "a damaged PNM (a sample above the largest value)");
  CHECK(refusal("P2 2 1 7 1 x") == "a damaged PNM (a sample that is no number)");
  const Picture cut = decode("P2 2 1 7 7");
  CHECK(cut.incomplete);
  CHECK(pixels(cut) == Rgb{{255, 255, 255}, kBlack});
}

namespace {

std::string big(uint64_t value) {
  const std::string little = number(value, 4);
  return {little.rbegin(), little.rend()};
}

std::string chunk(const std::string& type, const std::string& body) {
  uint32_t crc = 0xffffffffu;
  for (const char c : type + body) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return big(body.size()) + type + body + big(~crc & 0xffffffffu);
}

// A zlib stream of one block that is stored.
std::string stored(const std::string& bytes) {
  uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return "\x78\x01\x01" + number(bytes.size(), 2) + number(~bytes.size() & 0xffff, 2) + bytes +
         big(b << 16 | a);
}

// 3 x 2 pixels of 8 bits, with chunks in front of the pixels and behind them.
std::string png(char colour_type, const std::string& front, const std::string& rows,
                const std::string& behind = "", const std::string& end = chunk("IEND", "")) {
  const std::string header = big(3) + big(2) + "\x08" + std::string(1, colour_type) + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + front + chunk("IDAT", stored(rows)) + behind + end;
}

const std::string kGreyRows = std::string("\0abc\0def", 8);

}  // namespace

TEST_CASE("indices beyond the palette of a PNG are black") {
  const std::string palette = chunk("PLTE", std::string("\0\0\0\xff\0\0", 6));
  CHECK(pixels(png(3, palette, std::string("\0\0\1\2\0\xff\1\x80", 8))) ==
        Rgb{kBlack, kRed, kBlack, kBlack, kRed, kBlack});
}

TEST_CASE("a PNG that ends behind its pixels is shown, one that ends in them refused") {
  const Rgb whole = pixels(png(0, "", kGreyRows));
  CHECK(pixels(png(0, "", kGreyRows, "", "")) == whole);
  CHECK(pixels(png(0, "", kGreyRows, chunk("tEXt", std::string("a\0b", 3)).substr(0, 9), "")) == whole);
  const std::string file = png(0, "", kGreyRows, "", "");
  for (size_t size = 8; size < file.size(); ++size)
    CHECK(refusal(file.substr(0, size)) == "a truncated PNG (the file ends early)");
}

TEST_CASE("orientation of a PNG is found in eXIf, in text as ImageMagick writes it, and in XMP") {
  const std::string tiff = std::string("MM\0\x2a\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26);
  std::string profile = "\nexif\n      26\n";
  for (const char c : tiff) {
    const char* const digits = "0123456789abcdef";
    profile += digits[static_cast<uint8_t>(c) >> 4];
    profile += digits[c & 15];
    if (profile.size() % 30 == 0) profile += '\n';
  }
  const std::string key("Raw profile type exif\0", 22), xmp_key("XML:com.adobe.xmp\0", 18);
  const std::string packet = "<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>";
  const Rgb turned = {{'d', 'd', 'd'}, {'a', 'a', 'a'}, {'e', 'e', 'e'},
                      {'b', 'b', 'b'}, {'f', 'f', 'f'}, {'c', 'c', 'c'}};
  for (const std::string& said :
       {chunk("eXIf", tiff), chunk("eXIf", std::string("Exif\0\0", 6) + tiff), chunk("tEXt", key + profile),
        chunk("zTXt", key + std::string(1, '\0') + stored(profile)),
        chunk("iTXt", xmp_key + std::string(4, '\0') + packet),
        chunk("iTXt", xmp_key + std::string("\1\0\0\0", 4) + stored(packet))}) {
    CHECK(pixels(png(0, said, kGreyRows)) == turned);
    CHECK(pixels(png(0, "", kGreyRows, said)) == turned);
    CHECK(decode(png(0, said, kGreyRows)).width == 2);
  }
}

TEST_CASE("the first frame of a GIF has exactly Pillow's pixels") {
  // noise: more strings than codes; placed: its own palette, interlaced, transparent, inside its screen, and
  // a second frame; inside: without transparency; grey: no palette, larger than its screen; ramp: a palette
  // of greys; photo: as Pillow writes it, animated.
  for (const std::string name : {"noise", "placed", "inside", "grey", "ramp", "photo"}) {
    CAPTURE(name);
    const std::string stem = data_path("pictures/kinds/" + name);
    const Picture got = levit::tools::load_picture(stem + ".gif");
    CHECK_FALSE(got.incomplete);
    const Picture expected = levit::tools::load_picture(stem + "_gif.decoded.png");
    CHECK(got.width == expected.width);
    CHECK(pixels(got) == pixels(expected));
  }
}

TEST_CASE("a GIF cut or damaged is refused by its cause or shown as incomplete") {
  std::ifstream stream(data_path("pictures/kinds/noise.gif"), std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(stream), {});
  const Rgb whole = pixels(file);
  for (size_t size = 6; size + 3 < file.size(); size += 97) {
    CAPTURE(size);
    constexpr size_t kFirstCode = 13 + 3 * 256 + 10 + 1;
    if (size <= kFirstCode + 2) {
      CHECK(refusal(file.substr(0, size)) == "a truncated GIF (the file ends early)");
    } else {
      const Picture cut = decode(file.substr(0, size));
      CHECK(cut.incomplete);
      CHECK(pixels(cut)[0] == whole[0]);
    }
  }
  const std::string screen = "GIF89a" + number(2, 2) + number(1, 2);
  // Two pixels of indices 1 and 3; the palette has two colours.
  const std::string frame = "," + number(0, 4) + number(2, 2) + number(1, 2) + std::string(1, '\0') +
                            std::string("\x02\x02\xcc\x0a\0;", 6);
  CHECK(pixels(screen + std::string("\x80\0\0", 3) + std::string("\0\0\xff\xff\0\0", 6) + frame) ==
        Rgb{kRed, kBlack});
  CHECK(refusal(screen + std::string(3, '\0') + ";") == "a GIF without a picture");
  CHECK(refusal(screen + std::string(3, '\0') + frame.substr(0, 10) + "\x0d") ==
        "a damaged GIF (its codes have a wrong width)");
  CHECK(refusal("GIF89a" + std::string(7, '\0') + "," + std::string(9, '\0')) == "a picture without pixels");
}

#ifdef LEVIT_CODECS
TEST_CASE("WebP of every kind has exactly Pillow's pixels") {
  for (const std::string name : {"lossy", "lossy_alpha", "lossless_alpha", "turned", "animated"}) {
    CAPTURE(name);
    const std::string stem = data_path("pictures/kinds/" + name);
    const Picture got = levit::tools::load_picture(stem + ".webp");
    CHECK_FALSE(got.incomplete);
    const Picture expected = levit::tools::load_picture(stem + "_webp.decoded.png");
    CHECK(got.width == expected.width);
    CHECK(pixels(got) == pixels(expected));
  }
}

TEST_CASE("a WebP cut anywhere is refused as truncated or shown as incomplete") {
  for (const std::string name : {"lossy", "lossy_alpha", "lossless_alpha", "animated"}) {
    CAPTURE(name);
    std::ifstream stream(data_path("pictures/kinds/" + name + ".webp"), std::ios::binary);
    const std::string file(std::istreambuf_iterator<char>(stream), {});
    for (size_t size = 12; size + 32 < file.size() / (name == "animated" ? 2 : 1); ++size) {
      CAPTURE(size);
      const std::string cause = refusal(file.substr(0, size));
      if (cause.empty()) {
        CHECK(decode(file.substr(0, size)).incomplete);
      } else {
        CHECK(cause == "a truncated WebP (the file ends early)");
      }
    }
  }
}
#endif

#ifdef __GLIBC__
namespace {

// Fills the stack that the next call will use.
__attribute__((noinline)) void fill_stack(int pattern) {
  volatile uint8_t stack[256 << 10];
  for (size_t i = 0; i < sizeof(stack); ++i) stack[i] = static_cast<uint8_t>(pattern);
}

// What becomes of a file when all memory that nobody wrote holds the pattern.
std::string outcome(const std::string& file, int pattern) {
  mallopt(M_PERTURB, pattern);
  fill_stack(pattern);
  std::string text;
  try {
    const Picture picture = decode(file);
    text = std::to_string(picture.width) + "x" + std::to_string(picture.height) +
           (picture.incomplete ? " incomplete " : " ");
    text.append(reinterpret_cast<const char*>(picture.pixels.get()), 3 * picture.width * picture.height);
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  mallopt(M_PERTURB, 0);
  return text;
}

}  // namespace

// Files as they are, cut, and with a byte changed: the same pixels whatever lay in stack and heap.
TEST_CASE("no pixel comes from memory that nobody wrote") {
  size_t files = 0;
  for (const std::string folder : {"pictures/cases", "pictures/kinds", "fuzz/bmp", "fuzz/gif", "fuzz/jpeg",
                                   "fuzz/png", "fuzz/pnm", "fuzz/webp", "preprocess/modes"}) {
    for (const auto& entry : fs::directory_iterator(data_path(folder))) {
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string file(std::istreambuf_iterator<char>(stream), {});
      CAPTURE(entry.path().string());
      ++files;
      for (size_t part = 1; part <= 8; ++part) {
        const std::string start = file.substr(0, file.size() * part / 8);
        CHECK((outcome(start, 0x5a) == outcome(start, 0xc3)));
        std::string changed = file;
        changed[file.size() * part / 8 - 1] = static_cast<char>(changed[file.size() * part / 8 - 1] ^ 0x55);
        CHECK((outcome(changed, 0x5a) == outcome(changed, 0xc3)));
      }
    }
  }
  CHECK(files > 60);
}
#endif
