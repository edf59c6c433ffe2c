// `levit classify` on pictures that are made here: what a file says of itself moves no bit of its verdict,
// and a very large JPEG takes no more memory than a small one.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/npy.h"
#include "tests/support/program.h"
#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/zip.h"

using namespace levit::tests;
using nlohmann::json;

namespace {

std::string big_endian(size_t value, size_t bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> 8 * bytes);
  return out;
}

std::string little_endian(size_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
  return out;
}

std::string marker(int code, const std::string& body) {
  return std::string("\xff") + static_cast<char>(code) + big_endian(body.size() + 2, 2) + body;
}

// A TIFF stream with the camera's maker and nothing else.
std::string exif() {
  return std::string("II*\0\x08\0\0\0\x01\0", 10) +
         std::string("\x0f\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0Canon\0", 22);
}
const char* const kXmp = "<a Iptc4xmpExt:DigitalSourceType=\"x/digitalsourcetype/trainedAlgorithmicMedia\">";

// Each adds everything that its format can say; the plain file is what is left when it is taken away.
std::string told_jpeg(const std::string& plain) {
  return plain.substr(0, 2) + marker(0xe1, std::string("Exif\0\0", 6) + exif()) +
         marker(0xe1, std::string("http://ns.adobe.com/xap/1.0/\0", 29) + kXmp) +
         marker(0xeb, std::string("JP\0\1\0\0\0\1\0\0\1\0jumb\0\0\0\x1ejumdc2pa", 28)) + plain.substr(2);
}

std::string told_png(const std::string& plain) {
  const auto chunk = [](const std::string& type, const std::string& body) {
    return big_endian(body.size(), 4) + type + body + big_endian(levit::tools::crc32(type + body), 4);
  };
  const size_t behind_header = 8 + 25;
  return plain.substr(0, behind_header) +
         chunk("tEXt", std::string("parameters\0a cat\nSteps: 20, Sampler: Euler", 42)) +
         chunk("iTXt", std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + kXmp) + chunk("eXIf", exif()) +
         plain.substr(behind_header);
}

std::string told_webp(const std::string& plain) {
  const auto chunk = [](const std::string& type, const std::string& body) {
    return type + little_endian(body.size(), 4) + body + std::string(body.size() % 2, '\0');
  };
  const auto side = [&plain](size_t at) {
    return static_cast<size_t>(static_cast<uint8_t>(plain[at]) | (static_cast<uint8_t>(plain[at + 1]) & 0x3f)
                                                                     << 8);
  };
  const std::string flags = little_endian(0x0c, 4);  // EXIF and XMP
  const std::string body =
      "WEBP" + chunk("VP8X", flags + little_endian(side(26) - 1, 3) + little_endian(side(28) - 1, 3)) +
      plain.substr(12) + chunk("EXIF", exif()) + chunk("XMP ", kXmp);
  return "RIFF" + little_endian(body.size(), 4) + body;
}

struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);

  json classified(const std::string& name, const std::string& bytes, const std::string& before = "") const {
    const Outcome outcome =
        run("export LEVIT_MODEL=" + quoted(model) + "\n" + before +
            "$levit classify --json --threads 2 --max-megapixels 200 " + quoted(root.write(name, bytes)));
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit == 0);
    return json::parse(outcome.out);
  }
};

std::string contents(const std::string& name) {
  return file_bytes(data_path(name));
}

}  // namespace

TEST_CASE("what a file says of itself moves no bit of its verdict") {
  const Fixture fixture;
  const struct {
    const char *name, *plain;
    std::string (*told)(const std::string& plain);
    size_t says;
  } cases[] = {
      {"a.jpg", "fuzz/jpeg/rgb_422.jpg", told_jpeg, 3},
      {"a.png", "fuzz/png/palette.png", told_png, 3},
#ifdef LEVIT_CODECS
      {"a.webp", "fuzz/webp/lossy.webp", told_webp, 2},
#endif
  };
  for (const auto& kind : cases) {
    CAPTURE(kind.name);
    const std::string plain = contents(kind.plain);
    json with = fixture.classified(kind.name, kind.told(plain));
    json without = fixture.classified(kind.name, plain);
    CHECK(with["says"].size() == kind.says);
    CHECK(without["says"].empty());
    CHECK(with["probabilities"] == without["probabilities"]);
    with.erase("says");
    without.erase("says");
    CHECK(with == without);
  }
}

// Sanitizers need terabytes of address space, and stb_image holds a JPEG whole.
#if defined(LEVIT_CODECS) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

// A grey JPEG of that size, all of value 128: the same six bits (no difference, end of block) in each
// block.
std::string grey_jpeg(size_t width, size_t height) {
  std::string file =
      "\xff\xd8" + marker(0xdb, std::string(1, '\0') + std::string(64, '\x01')) +
      marker(0xc0, "\x08" + big_endian(height, 2) + big_endian(width, 2) + std::string("\x01\x01\x11\0", 4));
  // Tables with one code of two bits (00: no difference) and one of four (0000: end of block).
  file += marker(0xc4, std::string("\x00\x00\x01", 3) + std::string(14, '\0') + std::string(1, '\0'));
  file += marker(0xc4, std::string("\x10\x00\x00\x00\x01", 5) + std::string(12, '\0') + std::string(1, '\0'));
  file += marker(0xda, std::string("\x01\x01\x00\x00\x3f\x00", 6));
  const size_t blocks = (width + 7) / 8 * ((height + 7) / 8);
  return file + std::string((blocks * 6 + 7) / 8, '\0') + "\xff\xd9";
}

}  // namespace

TEST_CASE("a JPEG of 108 megapixels is classified in the memory that a small one takes") {
  const Fixture fixture;
  // Its pixels alone would be 324 MB. The heap reserves 64 MB, of which the program uses what it needs.
  const std::string limit = "ulimit -v 160000\n";
  const json large = fixture.classified("a.jpg", grey_jpeg(12000, 9000), limit);
  const json small = fixture.classified("a.jpg", grey_jpeg(240, 180), limit);
  CHECK(large["width"] == 12000);
  CHECK(large["height"] == 9000);
  CHECK(large["incomplete"] == false);
  CHECK(large["probabilities"] == small["probabilities"]);
}
#endif
