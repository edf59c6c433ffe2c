#include "weights/checksum.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "weights/reader.h"

using namespace levit;

namespace {

using Bytes = std::vector<uint8_t>;

uint64_t checksum_of(const Bytes& bytes) {
  return weights::checksum(bytes.data(), bytes.size());
}

Bytes counting(size_t count) {
  Bytes bytes(count);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

}  // namespace

// From an implementation of FORMAT.md's formulas in another language.
TEST_CASE("the checksum's known answers") {
  CHECK(checksum_of({0}) != checksum_of({}));
  CHECK(weights::checksum("", 0) == 0xfe3cd7f56ca382f9u);
  CHECK(weights::checksum("abc", 3) == 0x19af7b4a6ad21865u);
  CHECK(checksum_of(counting(100)) == 0xd7dae5776054e4b0u);
}

TEST_CASE("the checksum's own bytes do not count, all others do") {
  const Bytes bytes = counting(200);
  for (size_t i = 0; i < bytes.size(); ++i) {
    CAPTURE(i);
    Bytes changed = bytes;
    changed[i] ^= 0x80;
    CHECK((checksum_of(changed) == checksum_of(bytes)) == (i >= 32 && i < 40));
  }
}

TEST_CASE("zeros of different lengths, and words in another order, have different checksums") {
  Bytes bytes;
  std::vector<uint64_t> seen;
  for (size_t i = 0; i < 300; ++i) {
    for (const uint64_t other : seen) CHECK(other != checksum_of(bytes));
    seen.push_back(checksum_of(bytes));
    bytes.push_back(0);
  }
  Bytes one = counting(256), two = one;
  std::swap_ranges(two.begin() + 64, two.begin() + 72, two.begin() + 72);  // words of two lanes
  CHECK(checksum_of(one) != checksum_of(two));
  std::swap_ranges(one.begin() + 64, one.begin() + 72, one.begin() + 96);  // words of one lane
  CHECK(checksum_of(one) != checksum_of(two));
  CHECK(checksum_of(one) != checksum_of(counting(256)));
}

// Each of the 64 bits of the checksum must change with a chance of one half. For n flips the share has a
// standard deviation of 0.5 / sqrt(n); six of them are passed by chance once in 10^9 times, and there are 64
// shares.
TEST_CASE("every flipped bit changes every bit of the checksum half of the time") {
  Bytes bytes = counting(4096);
  const uint64_t before = checksum_of(bytes);
  std::vector<int> changes(64);
  int flips = 0;
  for (size_t i = 40; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit, ++flips) {
      bytes[i] = static_cast<uint8_t>(bytes[i] ^ 1u << bit);
      const uint64_t difference = checksum_of(bytes) ^ before;
      CHECK(difference != 0);
      for (size_t out = 0; out < 64; ++out) changes[out] += static_cast<int>(difference >> out & 1);
      bytes[i] = static_cast<uint8_t>(bytes[i] ^ 1u << bit);
    }
  }
  for (const int count : changes) {
    CHECK(std::fabs(static_cast<double>(count) / flips - 0.5) <
          6 * 0.5 / std::sqrt(static_cast<double>(flips)));
  }
}

// Damage of two bits a word or a few apart is what a weak mixing step would miss.
TEST_CASE("two flipped bits near each other are always found") {
  Bytes bytes = counting(512);
  const uint64_t before = checksum_of(bytes);
  const auto flip = [&bytes](size_t bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
  };
  size_t missed = 0;
  for (size_t first = 512; first < 512 + 32; ++first) {
    for (size_t second = first + 1; second < 1600; ++second) {
      flip(first);
      flip(second);
      missed += checksum_of(bytes) == before;
      flip(first);
      flip(second);
    }
  }
  CHECK(missed == 0);
}
