// Pillow's pixels are in tests/data/preprocess: modes (pixel formats and codecs) and exif (orientations).
#include "tools/picture/picture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/npy.h"

namespace {

using levit::tests::data_path;
using levit::tools::decode_picture;
using levit::tools::load_picture;
using levit::tools::Picture;
using levit::tools::PictureOptions;
using FileBytes = std::vector<uint8_t>;

#ifdef LEVIT_CODECS
constexpr bool kTurbo = true;
const std::string kWebp = "WebP, ";
#else
constexpr bool kTurbo = false;
const std::string kWebp;
#endif
#ifdef LEVIT_HEIF
constexpr bool kHeif = true;
const std::string kHeic = "HEIC, AVIF, ";
#else
constexpr bool kHeif = false;
const std::string kHeic;
#endif
const std::string kRead = "JPEG, PNG, " + kWebp + kHeic + "GIF, BMP and PNM are";

FileBytes read_bytes(const std::string& name) {
  std::ifstream file(data_path("preprocess/" + name), std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// The cause that a file is refused for; empty when it is not.
std::string refusal(const FileBytes& file, const PictureOptions& options = {}) {
  const FileBytes copy(file.begin(), file.end());  // of exactly that size, for the sanitizers
  try {
    decode_picture(copy.data(), copy.size(), options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

FileBytes cut(const FileBytes& file, size_t size) {
  return {file.begin(), file.begin() + static_cast<ptrdiff_t>(size)};
}

// Largest difference of the pixels in columns [0, columns).
int largest_difference(const Picture& a, const Picture& b, size_t columns) {
  REQUIRE(a.width == b.width);
  REQUIRE(a.height == b.height);
  int largest = 0;
  for (size_t i = 0; i < 3 * a.width * a.height; ++i) {
    if (i / 3 % a.width < columns) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return largest;
}

Picture golden(const std::string& name) {
  return load_picture(data_path("preprocess/" + name));
}

void put(FileBytes* out, uint64_t value, size_t bytes, bool big_endian) {
  for (size_t i = 0; i < bytes; ++i)
    out->push_back(static_cast<uint8_t>(value >> 8 * (big_endian ? bytes - 1 - i : i)));
}

// A BMP of `bits` 24 or 32 whose rows run upwards, or downwards when `top_down`.
FileBytes bmp(int32_t width, int32_t height, uint32_t bits, bool top_down) {
  const size_t row = (static_cast<size_t>(width) * bits + 31) / 32 * 4;
  FileBytes out = {'B', 'M'};
  put(&out, 54 + row * static_cast<size_t>(height), 4, false);
  put(&out, 0, 4, false);
  put(&out, 54, 4, false);
  put(&out, 40, 4, false);
  put(&out, static_cast<uint32_t>(width), 4, false);
  put(&out, static_cast<uint32_t>(top_down ? -height : height), 4, false);
  put(&out, 1, 2, false);
  put(&out, bits, 2, false);
  out.resize(54);
  for (size_t i = 0; i < row * static_cast<size_t>(height); ++i)
    out.push_back(static_cast<uint8_t>(7 * i + 1));
  return out;
}

FileBytes text(const std::string& characters) {
  return {characters.begin(), characters.end()};
}

}  // namespace

TEST_CASE("PNG of every pixel format has exactly Pillow's pixels") {
  for (const char* name : {"gray", "gray_alpha", "rgba", "bilevel", "palette", "palette_transparent",
                           "rgb_transparent", "gray16", "rgb16", "rgba16"}) {
    CAPTURE(name);
    const std::string stem = std::string("modes/") + name;
    CHECK(largest_difference(golden(stem + ".png"), golden(stem + "_png.decoded.png"), SIZE_MAX) == 0);
  }
}

// libjpeg-turbo's pixels are Pillow's. Of stb_image: two correct inverse DCTs round Y, Cb and Cr apart by one
// level; blue = Y + 1.772 Cb and green, with 0.344 Cb and 0.714 Cr, then by up to three. Subsampled chroma is
// rounded once more, which makes its share two levels: 1 + 2 * 1.772 + 1.
TEST_CASE("JPEG has Pillow's pixels, without libjpeg-turbo within the rounding of another decoder") {
  struct Case {
    const char* name;
    int tolerance;
    size_t columns;
  };
  // stb_image weighs the last column pair of 4:2:2 the other way around; those two columns are left out.
  for (const Case& c :
       {Case{"rgb_444", 3, 64}, Case{"gray", 1, 64}, Case{"cmyk", 3, 48}, Case{"rgb_420", 5, 64},
        Case{"progressive", 5, 64}, Case{"optimised", 5, 64}, Case{"rgb_422_odd", 5, 59}}) {
    CAPTURE(c.name);
    const std::string stem = std::string("modes/") + c.name;
    const Picture got = golden(stem + ".jpg"), expected = golden(stem + "_jpg.decoded.png");
    CHECK_FALSE(got.incomplete);
    if (kTurbo) CHECK(largest_difference(got, expected, SIZE_MAX) == 0);
    CHECK(largest_difference(got, expected, c.columns) <= c.tolerance);
  }
}

TEST_CASE("CMYK without Adobe's marker is read like CMYK with it") {
  const FileBytes marked = read_bytes("modes/cmyk.jpg");
  FileBytes unmarked = marked;
  const std::string adobe = "Adobe";
  const auto name = std::search(unmarked.begin(), unmarked.end(), adobe.begin(), adobe.end());
  REQUIRE(name != unmarked.end());
  *name = 'X';
  CHECK(largest_difference(decode_picture(marked.data(), marked.size()),
                           decode_picture(unmarked.data(), unmarked.size()), SIZE_MAX) == 0);
}

TEST_CASE("every EXIF orientation turns the picture upright, and the option leaves it as stored") {
  for (int i = 1; i <= 8; ++i) {
    CAPTURE(i);
    const std::string stem = "exif/orientation_" + std::to_string(i);
    CHECK(largest_difference(golden(stem + ".jpg"), golden(stem + ".upright.png"), SIZE_MAX) <=
          (kTurbo ? 0 : 3));
    PictureOptions options;
    options.ignore_orientation = true;
    const Picture stored = load_picture(data_path("preprocess/" + stem + ".jpg"), options);
    CHECK(stored.width == (i >= 5 ? 16 : 24));
    CHECK(stored.height == (i >= 5 ? 24 : 16));
  }
}

TEST_CASE("orientations are permutations of the pixels, also across tiles") {
  const size_t width = 67, height = 41;
  const auto made = [&] {
    Picture picture;
    picture.pixels.reset(static_cast<uint8_t*>(std::malloc(3 * width * height)));
    picture.width = width;
    picture.height = height;
    for (size_t i = 0; i < 3 * width * height; ++i)
      picture.pixels[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
    return picture;
  };
  const Picture stored = made();
  // Where the upright pixel (x, y) of a w x h picture comes from: EXIF 2.3, table of tag 0x0112.
  const auto source = [](int orientation, size_t x, size_t y, size_t w, size_t h, size_t* from_x,
                         size_t* from_y) {
    const bool swap = orientation >= 5;
    const size_t u = swap ? y : x, v = swap ? x : y, last_u = (swap ? h : w) - 1, last_v = (swap ? w : h) - 1;
    const bool flip_u = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flip_v = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    *from_x = flip_u ? last_u - u : u;
    *from_y = flip_v ? last_v - v : v;
  };
  for (int i = 1; i <= 8; ++i) {
    CAPTURE(i);
    const Picture out = levit::tools::upright(made(), i);
    REQUIRE(out.width == (i >= 5 ? height : width));
    size_t wrong = 0;
    for (size_t y = 0; y < out.height; ++y) {
      for (size_t x = 0; x < out.width; ++x) {
        size_t from_x = 0, from_y = 0;
        source(i, x, y, out.width, out.height, &from_x, &from_y);
        wrong += !std::equal(&out.pixels[3 * (y * out.width + x)], &out.pixels[3 * (y * out.width + x)] + 3,
                             &stored.pixels[3 * (from_y * width + from_x)]);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("orientation of a PNG comes from its eXIf chunk") {
  const FileBytes plain = read_bytes("modes/rgb16.png");
  const uint8_t tiff[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                          3,   0,   0, 0,  1, 0, 6, 0, 0, 0, 0, 0,    0};
  FileBytes turned = cut(plain, 33);  // signature and IHDR
  put(&turned, sizeof(tiff), 4, true);
  for (const char c : {'e', 'X', 'I', 'f'}) turned.push_back(static_cast<uint8_t>(c));
  turned.insert(turned.end(), std::begin(tiff), std::end(tiff));
  put(&turned, 0, 4, true);  // checksums of ancillary chunks are not looked at
  turned.insert(turned.end(), plain.begin() + 33, plain.end());
  const Picture picture = decode_picture(turned.data(), turned.size());
  CHECK(picture.width == 30);
  CHECK(picture.height == 40);
}

TEST_CASE("BMP is read in both row orders, PNM with 8 and 16 bits, grey and colour") {
  for (const uint32_t bits : {24u, 32u}) {
    for (const bool top_down : {false, true}) {
      const FileBytes file = bmp(5, 3, bits, top_down);
      const Picture picture = decode_picture(file.data(), file.size());
      REQUIRE(picture.width == 5);
      REQUIRE(picture.height == 3);
      const size_t row = bits == 24 ? 16 : 20;
      for (size_t y = 0; y < 3; ++y) {
        const size_t at = 54 + (top_down ? y : 2 - y) * row + 4 * bits / 8;  // blue, green, red
        const uint8_t* pixel = &picture.pixels[3 * (y * 5 + 4)];
        CHECK(pixel[0] == file[at + 2]);
        CHECK(pixel[1] == file[at + 1]);
        CHECK(pixel[2] == file[at]);
      }
    }
  }
  const auto pixels = [](const std::string& file) {
    const Picture p = decode_picture(reinterpret_cast<const uint8_t*>(file.data()), file.size());
    return std::string(reinterpret_cast<const char*>(p.pixels.get()), 3 * p.width * p.height);
  };
  CHECK(pixels("P6 1 2 255\nabcdef") == "abcdef");
  CHECK(pixels("P5\n# a comment\n2 1\n255 ab") == "aaabbb");
  CHECK(pixels("P6 1 1 65535\na1b2c3") == "abc");
  CHECK(pixels("P5 1 2 65535\na1b2") == "aaabbb");
}

namespace {

// What becomes of a file's beginning: refused as truncated, shown and called incomplete, or shown whole. Any
// other refusal fails.
enum class Fate { kRefused, kIncomplete, kWhole };
Fate fate(const FileBytes& file, const std::string& format) {
  const FileBytes copy(file.begin(), file.end());  // of exactly that size
  try {
    return decode_picture(copy.data(), copy.size()).incomplete ? Fate::kIncomplete : Fate::kWhole;
  } catch (const std::runtime_error& error) {
    const bool magic = file.size() < 12;  // less than what tells formats apart
    const std::string truncated = "a truncated " + format + " (the file ends early)";
    const bool known =
        error.what() == truncated || (magic && error.what() == "not a picture (" + kRead + " read)");
    CHECK_MESSAGE(known, error.what());
  }
  return Fate::kRefused;
}

}  // namespace

TEST_CASE("a file cut anywhere is refused as truncated or shown as incomplete, never shown as whole") {
  struct Case {
    const char* format;
    FileBytes file;
    size_t end;  // of the last pixel
  };
  const FileBytes plain = read_bytes("modes/rgb_420.jpg"), progressive = read_bytes("modes/progressive.jpg");
  const FileBytes turned = read_bytes("exif/orientation_6.jpg"), palette = read_bytes("modes/palette.png");
  const FileBytes rgba = read_bytes("modes/rgba.png"), pnm = text("P6 2 2 255\nabcdefghijkl");
  const size_t eoi = 2, iend = 12;
  for (const Case& c : {Case{"JPEG", plain, plain.size() - eoi},
                        {"JPEG", progressive, progressive.size() - eoi},
                        {"JPEG", turned, turned.size() - eoi},
                        {"PNG", palette, palette.size() - iend},
                        {"PNG", rgba, rgba.size() - iend},
                        {"BMP", bmp(5, 3, 24, false), 54 + 2 * 16 + 15},
                        {"PNM", pnm, pnm.size()}}) {
    CAPTURE(c.format);
    CHECK(fate(c.file, c.format) == Fate::kWhole);
    size_t refused = 0, incomplete = 0;
    bool shown = false;  // from some length on
    for (size_t size = 1; size < c.end; ++size) {
      CAPTURE(size);
      const Fate got = fate(cut(c.file, size), c.format);
      // The last bits of entropy-coded data are padding: a JPEG one byte short may have all its pixels.
      if (c.format != std::string("JPEG") || size + 8 < c.end) CHECK(got != Fate::kWhole);
      if (shown) CHECK(got != Fate::kRefused);
      shown = shown || got != Fate::kRefused;
      ++(got == Fate::kRefused ? refused : incomplete);
    }
    CHECK(refused > 0);
    const bool by_rows = c.format != std::string("PNG") && (kTurbo || c.format != std::string("JPEG"));
    CHECK((incomplete > 0) == by_rows);
    if (by_rows || c.format == std::string("PNG"))
      for (size_t size = c.end; size < c.file.size(); ++size)
        CHECK(fate(cut(c.file, size), c.format) == Fate::kWhole);
  }
  CHECK(refusal({}) == "an empty file");
}

TEST_CASE("bytes behind the end of a picture do not matter") {
  for (const char* name : {"modes/rgb_420.jpg", "modes/palette.png"}) {
    FileBytes file = read_bytes(name);
    file.insert(file.end(), 100, 0xff);
    CHECK(refusal(file) == "");
  }
}

TEST_CASE("damage that the structure shows is refused") {
  FileBytes png = read_bytes("modes/rgba.png");
  png[60] ^= 1;  // inside IDAT
  CHECK(refusal(png) == "a damaged PNG (checksum of a chunk)");
  FileBytes jpeg = read_bytes("modes/rgb_420.jpg");
  jpeg[4] = jpeg[5] = 0;                                                      // length of the first segment
  CHECK(refusal(jpeg) == (kTurbo ? "" : "a damaged JPEG (segment length)"));  // skipped to the next marker
  CHECK(refusal(text("\xff\xd8\xff\xd9")) == "a damaged JPEG (no picture inside)");
  CHECK(refusal(text("P6 0 1 255\n")) == "a picture without pixels");
  for (const std::string largest : {"0", "65536", "123456789"})
    CHECK(refusal(text("P6 1 1 " + largest + "\nabcabc")) ==
          "a PNM whose largest value is " + largest + "; 1 to 65535 are read");
}

#ifdef LEVIT_CODECS
TEST_CASE("a progressive JPEG of more than 100 scans is refused") {
  const FileBytes file = read_bytes("modes/progressive.jpg");
  const uint8_t start_of_scan[] = {0xff, 0xda};
  const auto last =
      std::find_end(file.begin(), file.end(), std::begin(start_of_scan), std::end(start_of_scan));
  const FileBytes scan(last, file.end() - 2);
  FileBytes many = cut(file, file.size() - 2);
  for (int i = 0; i < 80; ++i) many.insert(many.end(), scan.begin(), scan.end());
  many.insert(many.end(), {0xff, 0xd9});
  CHECK(refusal(many) == "");
  for (int i = 0; i < 40; ++i) many.insert(many.end() - 2, scan.begin(), scan.end());
  CHECK(refusal(many) == "a JPEG of more than 100 scans, which would take too long");
}
#endif

TEST_CASE("a progressive JPEG whose first scans alone stand in front of an end is not shown as whole") {
  const FileBytes file = read_bytes("modes/progressive.jpg");
  const uint8_t start_of_scan[] = {0xff, 0xda}, tables[] = {0xff, 0xc4};
  const auto find = [&file](auto from, const auto& marker) {
    return std::search(from, file.end(), std::begin(marker), std::end(marker));
  };
  const auto first = find(file.begin(), start_of_scan);
  FileBytes one(file.begin(), find(first, tables));
  one.insert(one.end(), {0xff, 0xd9});
  CHECK(refusal(file) == "");
#ifdef LEVIT_CODECS
  CHECK(decode_picture(one.data(), one.size()).incomplete);
  CHECK_FALSE(decode_picture(file.data(), file.size()).incomplete);
#else
  CHECK(refusal(one) ==
        "a progressive JPEG of which scans are missing; a build with libjpeg-turbo guesses them");
#endif
}

TEST_CASE("the size is checked before anything is decoded") {
  const std::string message = "too large: 50000 x 50000 pixels; at most 100 megapixels and 65535 on a side";
  FileBytes png = read_bytes("modes/rgba.png");
  for (const size_t at : {size_t{16}, size_t{20}}) {
    png[at + 2] = 50000 >> 8;
    png[at + 3] = 50000 & 0xff;
  }
  CHECK(refusal(png) == message);
  FileBytes jpeg = read_bytes("modes/rgb_420.jpg");
  size_t frame = 2;
  while (jpeg[frame + 1] != 0xc0) frame += 2 + 256u * jpeg[frame + 2] + jpeg[frame + 3];
  for (const size_t at : {frame + 5, frame + 7}) {
    jpeg[at] = 50000 >> 8;
    jpeg[at + 1] = 50000 & 0xff;
  }
  CHECK(refusal(jpeg) == message);
  CHECK(refusal(text("P5 50000 50000 255\n")) == message);

  PictureOptions options;
  options.largest_side = 40;
  CHECK(refusal(read_bytes("modes/rgba.png"), options) == "");  // 40 x 30
  options.largest_side = 39;
  CHECK(refusal(read_bytes("modes/rgba.png"), options).find("too large: 40 x 30") == 0);
  options.largest_side = 100;
  options.largest_area = 1200;
  CHECK(refusal(read_bytes("modes/rgba.png"), options) == "");
  options.largest_area = 1199;
  CHECK(refusal(read_bytes("modes/rgba.png"), options).find("too large: 40 x 30") == 0);
}

TEST_CASE("formats that are not read are refused by their name") {
  const std::string tail = " is not read; " + kRead;
  if (!kTurbo) CHECK(refusal(text("RIFF1234WEBPVP8 ")) == "WebP" + tail);
  const std::string box("\0\0\0\x18", 4), truncated = " (the file ends early)";
  CHECK(refusal(text(box + "ftypheic")) == (kHeif ? "a truncated HEIC" + truncated : "HEIC" + tail));
  CHECK(refusal(text(box + "ftypavif")) == (kHeif ? "a truncated AVIF" + truncated : "AVIF" + tail));
  CHECK(refusal(text(std::string("II*\0", 4))) == "TIFF" + tail);
  CHECK(refusal(text(std::string("II+\0\x08\0", 6))) == "BigTIFF" + tail);
  CHECK(refusal(text(box + "ftypisom")) == "MP4 video" + tail);
  for (const std::string svg :
       {"<svg/>", "<?xml version=\"1.0\"?>\n<svg/>", "\xef\xbb\xbf\n<!-- a -->\n<SVG/>"})
    CHECK(refusal(text(svg)) == "SVG" + tail);
  for (const std::string page : {"<!DOCTYPE html>\n<p>", "\r\n<HTML lang=\"en\"><svg/>"})
    CHECK(refusal(text(page)) == "a web page (HTML), not a picture");
  CHECK(refusal(text("version https://git-lfs.github.com/spec/v1\noid")) ==
        "a Git LFS pointer, not the file it stands for (git lfs pull fetches it)");
  CHECK(refusal(text("\x89PNG\n\x1a\n IHDR")) == "a damaged PNG (signature; a transfer as text changes it)");
  CHECK(refusal(text("hello")) == "not a picture (" + kRead + " read)");
}

TEST_CASE("a file that cannot be opened is named with the system's reason") {
  const auto message = [](const std::string& path) -> std::string {
    try {
      load_picture(path);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  const std::string folder = data_path("preprocess");
  CHECK(message(folder) == folder + ": a directory, not a picture");
  CHECK(message(folder + "/none.png") == folder + "/none.png: No such file or directory");
  CHECK(message(folder + "/sizes.json") == folder + "/sizes.json: not a picture (" + kRead + " read)");
}
