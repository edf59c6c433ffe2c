// Every field of the header and of the table of tensors at its limits, with the checksum repaired.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>

#include "tests/weights/models.h"
#include "tests/weights/mutation.h"
#include "weights/layout.h"
#include "weights/reader.h"

using namespace levit;

namespace {

constexpr size_t kLimits = 9;
using Statuses = std::array<levit_status, kLimits>;

uint64_t load(const tests::Bytes& bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

void store(tests::Bytes* bytes, size_t at, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; ++i) (*bytes)[at + i] = static_cast<uint8_t>(value >> 8 * i);
}

// 0, 1, v - 1, v + 1, and the limits of signed and unsigned numbers of 32 and of 64 bits, cut to the field's
// width.
std::array<uint64_t, kLimits> limits(uint64_t v, size_t width) {
  std::array<uint64_t, kLimits> values = {
      0, 1, v - 1, v + 1, 0x7fffffff, 0x80000000, 0xffffffff, uint64_t{1} << 63, UINT64_MAX};
  if (width == 2) values = {0, 1, v - 1, v + 1, 0x7fff, 0x8000, 0xffff, 0xffff, 0xffff};
  if (width == 1) values = {0, 1, v - 1, v + 1, 0x7f, 0x80, 0xff, 0xff, 0xff};
  for (uint64_t& value : values) value &= UINT64_MAX >> (64 - 8 * width);
  return values;
}

constexpr levit_status kOk = LEVIT_OK, kConf = LEVIT_CONFIG, kHead = LEVIT_HEADER, kTens = LEVIT_TENSOR,
                       kPad = LEVIT_PADDING, kStr = LEVIT_STRINGS, kLong = LEVIT_TRAILING,
                       kShort = LEVIT_TRUNCATED, kFlag = LEVIT_FLAGS, kMag = LEVIT_MAGIC,
                       kVer = LEVIT_VERSION;

constexpr Statuses all(levit_status s) {
  return {s, s, s, s, s, s, s, s, s};
}

// 32-bit fields end after 2^32 - 1; the last two values are then 0 and 2^32 - 1 once more.
struct Field {
  const char* name;
  size_t at, width, count;
  //                    0      1      v - 1  v + 1  2^31-1 2^31   2^32-1 2^63   2^64-1
  Statuses expected;
};
constexpr Statuses kOneOrMore = {kConf, kOk, kConf, kTens, kConf, kConf, kConf, kConf, kConf};
constexpr Statuses kPositiveFloat = {kConf, kConf, kOk, kOk, kConf, kConf, kConf, kConf, kConf};
constexpr Field kFields[] = {
    {"magic", weights::kAtMagic, 8, 1, all(kMag)},
    {"major version", weights::kAtVersionMajor, 2, 1, {kVer, kOk, kVer, kVer, kVer, kVer, kVer, kVer, kVer}},
    {"minor version", weights::kAtVersionMinor, 2, 1, all(kOk)},
    {"required", weights::kAtRequired, 4, 1, {kTens, kOk, kTens, kFlag, kFlag, kFlag, kFlag, kTens, kFlag}},
    {"optional", weights::kAtOptional, 4, 1, all(kOk)},
    {"header bytes", weights::kAtHeaderBytes, 4, 1, all(kHead)},
    {"file bytes",
     weights::kAtFileBytes,
     8,
     1,
     {kLong, kLong, kLong, kShort, kShort, kShort, kShort, kShort, kShort}},
    {"classes", weights::kAtClasses, 4, 1, {kConf, kTens, kTens, kTens, kConf, kConf, kConf, kConf, kConf}},
    {"side", weights::kAtSide, 4, 1, all(kConf)},
    {"dims", weights::kAtDims, 4, 3, all(kConf)},
    {"heads", weights::kAtHeads, 4, 3, kOneOrMore},
    {"depth", weights::kAtDepth, 4, 3, kOneOrMore},
    {"key", weights::kAtKey, 4, 1, {kConf, kTens, kConf, kConf, kConf, kConf, kConf, kConf, kConf}},
    {"ratios", weights::kAtAttentionRatio, 4, 3, kOneOrMore},
    {"activation", weights::kAtActivation, 4, 1, {kOk, kConf, kConf, kConf, kConf, kConf, kConf, kOk, kConf}},
    {"resize", weights::kAtResize, 4, 1, {kOk, kOk, kConf, kOk, kConf, kConf, kConf, kOk, kConf}},
    {"mean", weights::kAtMean, 4, 3, {kOk, kOk, kOk, kOk, kConf, kOk, kConf, kOk, kConf}},
    {"std", weights::kAtStd, 4, 3, kPositiveFloat},
    {"temperature", weights::kAtTemperature, 4, 1, kPositiveFloat},
    {"tensors", weights::kAtTensors, 4, 1, {kHead, kHead, kHead, kTens, kHead, kHead, kHead, kHead, kHead}},
    {"string bytes",
     weights::kAtStringBytes,
     4,
     1,
     {kHead, kHead, kStr, kStr, kHead, kHead, kHead, kHead, kHead}},
    {"reserved", weights::kAtMeans, 4, 12, {kOk, kPad, kPad, kPad, kPad, kPad, kPad, kOk, kPad}},
};

void check_field(const tests::Bytes& sound, size_t at, size_t width, const Statuses& expected) {
  const std::array<uint64_t, kLimits> values = limits(load(sound, at, width), width);
  for (size_t i = 0; i < kLimits; ++i) {
    tests::Bytes changed = sound;
    store(&changed, at, width, values[i]);
    CAPTURE(values[i]);
    CHECK(tests::status_of(tests::mutate(changed, "!checksum")) == expected[i]);
  }
}

}  // namespace

TEST_CASE("every field of the header, at its limits, has its exact status") {
  const tests::Bytes sound = tests::smallest_f16();
  size_t covered = 0;
  for (const Field& field : kFields) {
    const std::string name = field.name;
    CAPTURE(name);
    if (field.at == weights::kAtClasses) covered += 8;  // of the checksum
    CHECK(covered == field.at);
    for (size_t i = 0; i < field.count; ++i) {
      check_field(sound, field.at + i * field.width, field.width, field.expected);
    }
    covered = field.at + field.count * field.width;
  }
  CHECK(covered == weights::kHeaderBytes);
}

TEST_CASE("a checksum of any other value is refused") {
  const tests::Bytes sound = tests::smallest_f16();
  for (const uint64_t value : limits(load(sound, weights::kAtChecksum, 8), 8)) {
    tests::Bytes changed = sound;
    store(&changed, weights::kAtChecksum, 8, value);
    CHECK(tests::status_of(changed) == LEVIT_CHECKSUM);
  }
}

TEST_CASE("every field of every entry of the table, at its limits, is refused") {
  const std::pair<size_t, size_t> fields[] = {
      {weights::kAtKind, 1},    {weights::kAtPart, 1},   {weights::kAtStage, 1},
      {weights::kAtType, 1},    {weights::kAtIndex, 4},  {weights::kAtRows, 4},
      {weights::kAtColumns, 4}, {weights::kAtOffset, 8}, {weights::kAtBytes, 8}};
  const tests::Bytes sound = tests::smallest_f16();
  const auto entries = static_cast<size_t>(load(sound, weights::kAtTensors, 4));
  REQUIRE(entries == 59);
  for (size_t entry = 0; entry < entries; ++entry) {
    for (const auto& [offset, width] : fields) {
      const size_t at = weights::kHeaderBytes + entry * weights::kEntryBytes + offset;
      const uint64_t value = load(sound, at, width);
      const std::array<uint64_t, kLimits> values = limits(value, width);
      Statuses expected;
      for (size_t i = 0; i < kLimits; ++i) expected[i] = values[i] == value ? kOk : kTens;
      CAPTURE(at);
      check_field(sound, at, width, expected);
    }
  }
}
