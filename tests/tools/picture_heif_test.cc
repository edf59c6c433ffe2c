// HEIC and AVIF, in builds that read them: the files of tests/data/pictures/kinds against what they were made
// to show, four quarters of one colour each.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/npy.h"
#include "tools/picture/picture.h"

namespace {

using levit::tools::Picture;
using levit::tools::PictureOptions;
using Sentences = std::vector<std::string>;

const std::vector<std::string> kNames = {"turned.heic", "ten_bits.heic", "turned.avif", "alpha.avif"};

std::string contents(const std::string& name) {
  std::ifstream stream(levit::tests::data_path("pictures/kinds/" + name), std::ios::binary);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string format(const std::string& name) {
  return name.find(".heic") != std::string::npos ? "HEIC" : "AVIF";
}

Picture decode(const std::string& file, const PictureOptions& options = {}) {
  const std::vector<uint8_t> copy(file.begin(), file.end());  // of exactly that size, for the sanitizers
  return levit::tools::decode_picture(copy.data(), copy.size(), options);
}

std::string cause(const std::string& file, const PictureOptions& options = {}) {
  try {
    decode(file, options);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

bool begins(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

std::string big_endian(size_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

// Every box `ispe` says that side for both.
std::string with_side(std::string file, size_t side) {
  for (size_t at = file.find("ispe"); at != std::string::npos; at = file.find("ispe", at + 1))
    file.replace(at + 8, 8, big_endian(side) + big_endian(side));
  return file;
}

}  // namespace

TEST_CASE("HEIC and AVIF are turned once, drop alpha and keep the high bits") {
  constexpr std::array<std::array<int, 3>, 4> kQuarters = {
      {{200, 40, 40}, {40, 180, 60}, {40, 60, 200}, {128, 128, 128}}};
  for (const std::string& name : kNames) {
    CAPTURE(name);
    const Picture got = decode(contents(name));
    CHECK_FALSE(got.incomplete);
    REQUIRE(got.width == 48);
    REQUIRE(got.height == 32);
    for (size_t i = 0; i < 3 * got.width * got.height; ++i) {
      const size_t x = i / 3 % 48, y = i / 3 / 48;
      if (x % 24 < 4 || x % 24 >= 20 || y % 16 < 4 || y % 16 >= 12) continue;  // edges are blurred
      CHECK(std::abs(got.pixels[i] - kQuarters[y / 16 * 2 + x / 24][i % 3]) <= 6);
    }
  }
}

TEST_CASE("HEIC and AVIF are turned when EXIF orientation is ignored, too") {
  PictureOptions options;
  options.ignore_orientation = true;
  for (const std::string& name : kNames) CHECK(decode(contents(name), options).width == 48);
}

TEST_CASE("HEIC and AVIF say what their EXIF, XMP and C2PA manifest say") {
  const Sentences said = {"camera: Phone 1", "digital source type: trainedAlgorithmicMedia"};
  CHECK(decode(contents("turned.heic")).says == said);
  CHECK(decode(contents("turned.avif")).says == said);
  const std::string manifest = std::string(16, 'u') + std::string("\0\0\0\0manifest\0\0\0\0\0\0\0\0\0", 21) +
                               big_endian(20) + "jumb" + big_endian(12) + "jumdc2pa";
  const std::string box = big_endian(8 + manifest.size()) + "uuid" + manifest;
  CHECK(decode(contents("alpha.avif") + box).says == Sentences{"a C2PA manifest (not verified)"});
}

TEST_CASE("the size of a HEIC or AVIF is checked before anything is decoded, and once more behind it") {
  PictureOptions options;
  for (const std::string& name : kNames) {
    CAPTURE(name);
    options.largest_side = 48;
    CHECK(cause(contents(name), options) == "");
    options.largest_side = 47;
    CHECK(begins(cause(contents(name), options), "too large: 48 x 32 pixels"));
    CHECK(cause(with_side(contents(name), 50000)) ==
          "too large: 50000 x 50000 pixels; at most 100 megapixels and 65535 on a side");
  }
  CHECK(begins(cause(with_side(contents("alpha.avif"), 8), options), "too large: 48 x 32 pixels"));
}

TEST_CASE("a HEIC or AVIF cut anywhere is refused as truncated") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    const std::string file = contents(name);
    for (size_t size = 12; size < file.size(); ++size) {
      CAPTURE(size);
      const std::string told = cause(file.substr(0, size));
      if (told == "a truncated " + format(name) + " (the file ends early)") continue;
      // Between two boxes nothing tells that another one should follow.
      CHECK(begins(told, "a truncated or damaged " + format(name) + " (libheif: Invalid input: "));
    }
  }
}

TEST_CASE("a damaged HEIC or AVIF is refused with what libheif says of it") {
  const auto cause_with = [](const std::string& name, const std::string& box, const std::string& other) {
    std::string file = contents(name);
    return cause(file.replace(file.find(box), box.size(), other));
  };
  CHECK(cause_with("turned.heic", "pitm", "free") ==
        "a damaged HEIC (libheif: Invalid input: No 'pitm' box)");
  // A codec that this libheif does not decode, and one that it has never heard of.
  CHECK(begins(cause_with("turned.avif", "av01", "vvc1"), "an unsupported"));
  CHECK(begins(cause_with("turned.avif", "av01", "j2k1"), "an unsupported or damaged AVIF (libheif: "));
}
