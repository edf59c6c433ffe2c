// What is read of a picture file beside its pixels: EXIF, XMP, text and C2PA.
#include "tools/picture/metadata.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/npy.h"
#include "tools/picture/picture.h"

namespace {

using levit::tools::Metadata;

// A TIFF stream: header, one directory of `entries` {tag, type, count, value} at offset 8.
struct Entry {
  uint32_t tag, type, count, value;
};

std::vector<uint8_t> tiff(bool big, const std::vector<Entry>& entries) {
  std::vector<uint8_t> out;
  const auto put = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      out.push_back(static_cast<uint8_t>(value >> 8 * (big ? bytes - 1 - i : i)));
  };
  out.assign(2, big ? 'M' : 'I');
  put(42, 2);
  put(8, 4);
  put(static_cast<uint32_t>(entries.size()), 2);
  for (const Entry& entry : entries) {
    put(entry.tag, 2);
    put(entry.type, 2);
    put(entry.count, 4);
    if (entry.type == 3) {
      put(entry.value, 2);
      put(0, 2);
    } else {
      put(entry.value, 4);
    }
  }
  put(0, 4);
  return out;
}

// From memory of exactly that size, so that a sanitizer sees a read beyond it.
int orientation(const std::vector<uint8_t>& bytes) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  Metadata metadata;
  levit::tools::read_exif({copy.data(), copy.size()}, metadata);
  return metadata.orientation == 0 ? 1 : metadata.orientation;
}

}  // namespace

TEST_CASE("all eight orientations are read in both byte orders, as SHORT and as LONG") {
  for (const bool big : {false, true}) {
    for (uint32_t value = 1; value <= 8; ++value) {
      CAPTURE(big);
      CHECK(orientation(tiff(big, {{0x010f, 2, 4, 0}, {0x0112, 3, 1, value}})) == static_cast<int>(value));
      CHECK(orientation(tiff(big, {{0x0112, 4, 1, value}, {0x011a, 5, 1, 0}})) == static_cast<int>(value));
    }
  }
}

TEST_CASE("an orientation that is absent or makes no sense counts as stored") {
  for (const bool big : {false, true}) {
    CAPTURE(big);
    CHECK(orientation(tiff(big, {})) == 1);
    CHECK(orientation(tiff(big, {{0x0110, 3, 1, 6}})) == 1);
    CHECK(orientation(tiff(big, {{0x0112, 3, 1, 0}})) == 1);
    CHECK(orientation(tiff(big, {{0x0112, 3, 1, 9}})) == 1);
    CHECK(orientation(tiff(big, {{0x0112, 3, 2, 6}})) == 1);
    CHECK(orientation(tiff(big, {{0x0112, 2, 1, 6}})) == 1);
    CHECK(orientation(tiff(big, {{0x0112, 4, 1, 0x10006}})) == 1);
  }
}

TEST_CASE("a stream that ends anywhere in front of the entry counts as stored") {
  for (const bool big : {false, true}) {
    const std::vector<uint8_t> whole = tiff(big, {{0x010f, 2, 4, 0}, {0x0112, 3, 1, 6}});
    const size_t entry_end = 8 + 2 + 2 * 12;
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(orientation({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}) ==
            (size < entry_end ? 1 : 6));
    }
  }
}

TEST_CASE("a directory outside the stream, a wrong magic and an endless count are harmless") {
  std::vector<uint8_t> bytes = tiff(false, {{0x0112, 3, 1, 6}});
  for (const uint32_t offset : {0u, 7u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 23u, 24u, 25u}) {
    std::vector<uint8_t> moved = bytes;
    for (size_t i = 0; i < 4; ++i) moved[4 + i] = static_cast<uint8_t>(offset >> 8 * i);
    CHECK(orientation(moved) == 1);
  }
  std::vector<uint8_t> wrong = bytes;
  wrong[2] = 43;
  CHECK(orientation(wrong) == 1);
  wrong = bytes;
  wrong[1] = 'M';
  CHECK(orientation(wrong) == 1);
  bytes[8] = bytes[9] = 0xff;
  CHECK(orientation(bytes) == 6);
}

namespace {

using levit::tests::data_path;
using Says = std::vector<std::string>;

// A big-endian EXIF stream of texts: tags in the main directory, and a user comment in EXIF's own.
std::string exif_texts(const std::vector<std::pair<uint32_t, std::string>>& texts,
                       const std::string& comment = "") {
  const auto number = [](uint64_t value, size_t bytes) {
    std::string out;
    while (bytes-- > 0) out += static_cast<char>(value >> 8 * bytes);
    return out;
  };
  const size_t entries = texts.size() + 1, own = 8 + 2 + 12 * entries + 4;
  size_t at = own + 2 + 12 + 4;
  std::string main = number(entries, 2), behind;
  const auto entry = [&](uint32_t tag, uint32_t type, const std::string& bytes) {
    const std::string head = number(tag, 2) + number(type, 2) + number(bytes.size(), 4);
    if (bytes.size() <= 4) return head + bytes + std::string(4 - bytes.size(), '\0');
    behind += bytes;
    at += bytes.size();
    return head + number(at - bytes.size(), 4);
  };
  for (const auto& [tag, text] : texts) main += entry(tag, 2, text + std::string(1, '\0'));
  main += number(0x8769, 2) + number(4, 2) + number(1, 4) + number(own, 4) + number(0, 4);
  const std::string exif = number(1, 2) + entry(0x9286, 7, comment) + number(0, 4);
  return std::string("MM\0\x2a\0\0\0\x08", 8) + main + exif + behind;
}

Says says_of_exif(const std::string& tiff) {
  const std::vector<uint8_t> copy(tiff.begin(), tiff.end());
  levit::tools::Metadata metadata;
  levit::tools::read_exif({copy.data(), copy.size()}, metadata);
  return metadata.says;
}

Says says_of_xmp(const std::string& packet) {
  const std::vector<uint8_t> copy(packet.begin(), packet.end());
  levit::tools::Metadata metadata;
  levit::tools::read_xmp({copy.data(), copy.size()}, metadata);
  return metadata.says;
}

Says says_of_text(const std::string& key, const std::string& text) {
  levit::tools::Metadata metadata;
  levit::tools::read_text(key, text, metadata);
  return metadata.says;
}

}  // namespace

TEST_CASE("EXIF names the camera and the software, and the generator that wrote its settings there") {
  CHECK(says_of_exif(exif_texts({{0x010f, "Canon"}, {0x0110, "Canon EOS 5D"}})) ==
        Says{"camera: Canon EOS 5D"});
  CHECK(says_of_exif(exif_texts({{0x010f, "NIKON"}, {0x0110, "E775"}, {0x0131, "v1 "}})) ==
        Says{"camera: NIKON E775", "software: v1"});
  CHECK(says_of_exif(exif_texts({{0x010f, " \n"}, {0x0110, ""}})) == Says{});
  CHECK(says_of_exif(exif_texts({{0x0110, "prompt:{\"3\": {}}"}, {0x010f, "workflow:{}"}})) ==
        Says{"a ComfyUI workflow", "a ComfyUI prompt"});
  const std::string settings = "a cat\nSteps: 20, Sampler: Euler a";
  const std::string said = "generation parameters: a cat Steps: 20, Sampler: Euler a";
  CHECK(says_of_exif(exif_texts({}, std::string("ASCII\0\0\0", 8) + settings)) == Says{said});
  for (const bool big : {false, true}) {
    std::string wide("UNICODE\0", 8);
    for (const char c : settings) wide += big ? std::string{'\0', c} : std::string{c, '\0'};
    CHECK(says_of_exif(exif_texts({}, wide)) == Says{said});
  }
  // A mark of the byte order, and two units for one character.
  std::string wide("UNICODE\0\xff\xfe\x3e\xd8\x8a\xdd", 14);
  for (const char c : settings) wide += {c, '\0'};
  CHECK(says_of_exif(exif_texts({}, wide)) ==
        Says{"generation parameters: \U0001f98aa cat Steps: 20, Sampler: Euler a"});
  // Cut anywhere, it is read as far as it goes.
  const std::string whole = exif_texts({{0x010f, "Canon"}, {0x0110, "EOS 5D"}}, "ASCII\0\0\0a comment");
  for (size_t size = 0; size < whole.size(); ++size) says_of_exif(whole.substr(0, size));
}

TEST_CASE("XMP's digital source type is read in all its spellings") {
  const std::string term = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
  const Says expected = {"digital source type: trainedAlgorithmicMedia"};
  CHECK(says_of_xmp("<rdf:Description Iptc4xmpExt:DigitalSourceType=\"" + term + "\"/>") == expected);
  CHECK(says_of_xmp("<rdf:Description Iptc4xmpExt:DigitalSourceType='" + term + "'/>") == expected);
  CHECK(says_of_xmp("<Iptc4xmpExt:DigitalSourceType>" + term + "</Iptc4xmpExt:DigitalSourceType>") ==
        expected);
  CHECK(says_of_xmp("<Iptc4xmpExt:DigitalSourceType rdf:resource=\"" + term + "\"/>") == expected);
  CHECK(says_of_xmp("<a xmp:CreatorTool=\"Firefly\" photoshop:Credit=\"Made with Google AI\">") ==
        Says{"software: Firefly", "credit: Made with Google AI"});
  CHECK(says_of_xmp("<a xmp:CreatorTool='A &amp; B &quot;C&quot; &x;'>") ==
        Says{"software: A & B \"C\" &x;"});
  CHECK(says_of_xmp("<a x:DigitalSourceType=\"") == Says{});
  CHECK(says_of_xmp("x:DigitalSourceType") == Says{});
  CHECK(says_of_xmp("") == Says{});
}

TEST_CASE("text that generators write is named, long text cut, and other text left alone") {
  CHECK(says_of_text("parameters", "a cat") == Says{"generation parameters: a cat"});
  CHECK(says_of_text("prompt", "{}") == Says{"a ComfyUI prompt"});
  CHECK(says_of_text("workflow", "{}") == Says{"a ComfyUI workflow"});
  CHECK(says_of_text("Software", "NovelAI") == Says{"software: NovelAI"});
  CHECK(says_of_text("Dream", "a dog -s50") == Says{"InvokeAI prompt: a dog -s50"});
  CHECK(says_of_text("Description", "a dog --v 6.0 Job ID: 1-2") ==
        Says{"generation prompt: a dog --v 6.0 Job ID: 1-2"});
  CHECK(says_of_text("Comment", "my holiday") == Says{});
  CHECK(says_of_text("parameters", std::string(100, 'x')) ==
        Says{"generation parameters: " + std::string(80, 'x') + "..."});
  CHECK(says_of_text("Software", "caf\xe9") == Says{"software: caf\u00e9"});  // Latin-1
  std::string umlauts;
  for (int i = 0; i < 60; ++i) umlauts += "\u00e4";
  CHECK(says_of_text("Software", umlauts)[0] == "software: " + umlauts.substr(0, 80) + "...");
}

TEST_CASE("a C2PA manifest is said to be there and not verified") {
  const std::string box =
      std::string("\0\0\1\0jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0", 39);
  levit::tools::Metadata metadata;
  const auto* const bytes = reinterpret_cast<const uint8_t*>(box.data());
  levit::tools::read_jumbf({bytes, box.size()}, metadata);
  CHECK(metadata.says == Says{"a C2PA manifest (not verified)"});
  metadata.says.clear();
  levit::tools::read_jumbf({bytes, 19}, metadata);
  levit::tools::read_jumbf({nullptr, 0}, metadata);
  CHECK(metadata.says.empty());
}

// Everything that says something is put into a JPEG, and taken out of it.
TEST_CASE("metadata are found in a JPEG and change no pixel") {
  std::ifstream stream(data_path("preprocess/modes/rgb_420.jpg"), std::ios::binary);
  const std::string plain(std::istreambuf_iterator<char>(stream), {});
  const auto segment = [](int marker, const std::string& body) {
    std::string out = {'\xff', static_cast<char>(marker)};
    out += static_cast<char>((body.size() + 2) >> 8);
    out += static_cast<char>(body.size() + 2);
    return out + body;
  };
  const std::string xmp = std::string("http://ns.adobe.com/xap/1.0/\0", 29) +
                          "<a Iptc4xmpExt:DigitalSourceType=\"x/digitalsourcetype/compositeSynthetic\">";
  const std::string c2pa = std::string("JP\0\1\0\0\0\1\0\0\1\0jumb\0\0\0\x1ejumdc2pa", 28);
  const std::string told = plain.substr(0, 2) + segment(0xfe, "a cat\nSteps: 9, Sampler: DDIM") +
                           segment(0xe1, std::string("Exif\0\0", 6) + exif_texts({{0x010f, "Canon"}})) +
                           segment(0xe1, xmp) + segment(0xeb, c2pa) + plain.substr(2);
  const auto decode = [](const std::string& file) {
    return levit::tools::decode_picture(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  };
  const levit::tools::Picture with = decode(told), without = decode(plain);
  CHECK(with.says == Says{"generation parameters: a cat Steps: 9, Sampler: DDIM", "camera: Canon",
                          "digital source type: compositeSynthetic", "a C2PA manifest (not verified)"});
  CHECK(without.says.empty());
  REQUIRE(with.width == without.width);
  REQUIRE(with.height == without.height);
  CHECK(
      std::equal(with.pixels.get(), with.pixels.get() + 3 * with.width * with.height, without.pixels.get()));
}
