#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "tools/picture/metadata.h"

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
