// Files that were sound once: cut, filled up, with a flipped bit, sent as text, placed badly.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/weights/models.h"
#include "tests/weights/mutation.h"
#include "weights/checksum.h"
#include "weights/layout.h"
#include "weights/reader.h"
#include "weights/validate.h"

using namespace levit;

namespace {

// The first difference to the sound file decides, wherever it is.
levit_status expected_for_flip(size_t byte, int bit, bool longer) {
  if (byte < weights::kAtVersionMajor) return LEVIT_MAGIC;
  if (byte < weights::kAtVersionMinor) return LEVIT_VERSION;
  const bool required = byte >= weights::kAtRequired && byte < weights::kAtOptional;
  constexpr uint32_t kMayBe = weights::kKnownFlags & ~weights::kFlagInt8;  // beside kFlagHalf
  if (required && (byte != weights::kAtRequired || (kMayBe >> bit & 1) == 0)) return LEVIT_FLAGS;
  const bool size = byte >= weights::kAtFileBytes && byte < weights::kAtChecksum;
  if (size) return longer ? LEVIT_TRUNCATED : LEVIT_TRAILING;
  return LEVIT_CHECKSUM;
}

tests::Bytes without_carriage_returns(const tests::Bytes& bytes) {
  tests::Bytes text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\r' || i + 1 == bytes.size() || bytes[i + 1] != '\n') text.push_back(bytes[i]);
  }
  return text;
}

tests::Bytes with_carriage_returns(const tests::Bytes& bytes) {
  tests::Bytes text;
  for (const uint8_t byte : bytes) {
    if (byte == '\n') text.push_back('\r');
    text.push_back(byte);
  }
  return text;
}

}  // namespace

TEST_CASE("a file cut at any byte is truncated") {
  const tests::Bytes sound = tests::smallest_f16();
  size_t wrong = 0;
  for (size_t bytes = 0; bytes < sound.size(); ++bytes) {
    wrong += tests::status_of(tests::Bytes(sound.begin(), sound.begin() + static_cast<ptrdiff_t>(bytes))) !=
             LEVIT_TRUNCATED;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a file cut at any byte, with size and checksum repaired, does not fit its network") {
  const tests::Bytes sound = tests::smallest_f16();
  const size_t header = weights::load_u32(sound.data() + weights::kAtHeaderBytes);
  size_t wrong = 0;
  for (size_t bytes = weights::kHeaderBytes; bytes < sound.size(); ++bytes) {
    const tests::Bytes cut = tests::mutate(sound, "#" + std::to_string(bytes) + " !size !checksum");
    wrong += tests::status_of(cut) != (bytes < header ? LEVIT_HEADER : LEVIT_TENSOR);
  }
  CHECK(wrong == 0);
}

TEST_CASE("bytes behind the end are refused") {
  const tests::Bytes sound = tests::smallest_f16();
  for (const size_t extra : {1u, 63u, 64u, 4096u}) {
    tests::Bytes longer = sound;
    longer.resize(sound.size() + extra);
    CHECK(tests::status_of(longer) == LEVIT_TRAILING);
  }
}

TEST_CASE("every flipped bit is found") {
  tests::Bytes bytes = tests::smallest_f16();
  const tests::Image image(bytes);
  const size_t size = bytes.size();
  size_t wrong = 0;
  for (size_t byte = 0; byte < size; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      image.data()[byte] = static_cast<uint8_t>(bytes[byte] ^ 1u << bit);
      const bool longer = weights::load_u64(image.data() + weights::kAtFileBytes) > size;
      const levit_model* model = nullptr;
      wrong += levit_open(image.data(), size, &model) != expected_for_flip(byte, bit, longer);
    }
    image.data()[byte] = bytes[byte];
  }
  CHECK(wrong == 0);
}

TEST_CASE("a file that was sent as text is no weight file") {
  const tests::Bytes sound = tests::smallest_f16();
  CHECK(tests::status_of(without_carriage_returns(sound)) == LEVIT_MAGIC);
  CHECK(tests::status_of(with_carriage_returns(sound)) == LEVIT_MAGIC);
  tests::Bytes seven_bits = sound;
  for (uint8_t& byte : seven_bits) byte &= 0x7f;
  CHECK(tests::status_of(seven_bits) == LEVIT_MAGIC);
  const tests::Bytes until_end_of_file(sound.begin(), sound.begin() + 6);
  CHECK(tests::status_of(until_end_of_file) == LEVIT_TRUNCATED);
}

TEST_CASE("an image must lie at a multiple of 64") {
  const tests::Bytes sound = tests::smallest_f16();
  for (size_t shift = 0; shift < 64; ++shift) {
    const tests::Image image(sound, shift);
    CHECK(weights::validate(image.data(), image.bytes()) ==
          (shift == 0 ? weights::Fault::kNone : weights::Fault::kMisaligned));
  }
  CHECK(weights::validate(nullptr, 0) == weights::Fault::kArgument);
}

TEST_CASE("a number that is not finite is found at every place, of fp16, fp32 and int8's scales") {
  for (const std::string name : {"f16", "f32", "q8"}) {
    CAPTURE(name);
    const tests::Bytes sound = tests::read_data("fuzz/weights/smallest_" + name + ".levit");
    const tests::Image image(sound);
    const weights::View view = weights::view(image.data());
    weights::TensorWalk walk{&view.config, view.type,
                             weights::load_u32(image.data() + weights::kAtHeaderBytes)};
    size_t wrong = 0;
    for (weights::Tensor tensor; weights::next_tensor(&walk, &tensor);) {
      if (tensor.type == weights::Type::kInt8) continue;  // all of which are finite
      const auto width = static_cast<size_t>(weights::size_of(tensor.type));
      for (uint64_t at = tensor.offset; at < tensor.offset + tensor.bytes; at += width) {
        uint8_t* const number = image.data() + at;
        if (width == 2) {
          weights::store_u16(number, 0xfc00);
        } else {
          weights::store_u32(number, 0x7f800000);
        }
        weights::store_u64(image.data() + weights::kAtChecksum,
                           weights::checksum(image.data(), image.bytes()));
        wrong += weights::validate(image.data(), image.bytes()) != weights::Fault::kValue;
        std::copy_n(sound.begin() + static_cast<ptrdiff_t>(at), width, number);
      }
    }
    CHECK(wrong == 0);
  }
}
