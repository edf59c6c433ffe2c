// Every target against the formula in 64-bit integers: sums are exact, so bytes must be equal.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/pixels.h"

namespace levit::kernels {
namespace {

// splitmix64
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
};

std::vector<uint8_t> random_bytes(size_t count, Random* random) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random->next());
  return bytes;
}

// Weights whose sums reach beyond both ends of a byte: up to 1.5 in all, with negative lobes.
std::vector<int32_t> random_weights(size_t count, size_t taps, Random* random) {
  std::vector<int32_t> weights(count * taps);
  const auto largest = static_cast<int64_t>((size_t{3} << (kResampleBits - 1)) / taps);
  for (int32_t& weight : weights)
    weight = static_cast<int32_t>(
        static_cast<int64_t>(random->next() % static_cast<uint64_t>(4 * largest / 3)) - largest / 3);
  return weights;
}

// The formula, over taps that step(j) gives.
template <typename Pixel>
uint8_t expected(const int32_t* weights, size_t taps, Pixel pixel) {
  int64_t sum = int64_t{1} << (kResampleBits - 1);
  for (size_t j = 0; j < taps; ++j) sum += int64_t{weights[j]} * pixel(j);
  const int64_t value = sum >> kResampleBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

void check_horizontal(const Dispatch& kernels, size_t pixels, size_t taps, size_t count, Random* random) {
  // Rows of exactly their size, so that a sanitizer sees a read beyond them.
  std::vector<std::vector<uint8_t>> rows;
  for (size_t r = 0; r < kResampleRows; ++r) rows.push_back(random_bytes(3 * pixels, random));
  std::vector<uint32_t> first(count);
  for (uint32_t& f : first) f = static_cast<uint32_t>(random->below(pixels - taps + 1));
  first.back() = static_cast<uint32_t>(pixels - taps);
  const std::vector<int32_t> weights = random_weights(count, taps, random);
  const size_t stride = 3 * count + 1;
  std::vector<uint8_t> interleaved(pixels * kResampleRows * 4), out(kResampleRows * stride, 0xa5);
  ResampleHorizontal call = {};
  for (size_t r = 0; r < kResampleRows; ++r) call.rows[r] = rows[r].data();
  call.pixels = pixels;
  call.first = first.data();
  call.weights = weights.data();
  call.taps = taps;
  call.count = count;
  call.interleaved = interleaved.data();
  call.out = out.data();
  call.out_stride = stride;
  kernels.resample_horizontal(call);
  size_t wrong = 0;
  for (size_t r = 0; r < kResampleRows; ++r) {
    for (size_t i = 0; i < 3 * count; ++i) {
      const size_t x = i / 3;
      wrong += out[r * stride + i] != expected(&weights[x * taps], taps,
                                               [&](size_t j) { return rows[r][3 * (first[x] + j) + i % 3]; });
    }
  }
  CHECK(wrong == 0);
}

void check_vertical(const Dispatch& kernels, size_t width, size_t taps, size_t capacity, Random* random) {
  const size_t stride = width + random->below(5);
  const std::vector<uint8_t> ring = random_bytes((capacity - 1) * stride + width, random);
  const std::vector<int32_t> weights = random_weights(1, taps, random);
  const size_t first = random->below(capacity);
  std::vector<uint8_t> out(width);
  ResampleVertical call = {};
  call.ring = ring.data();
  call.stride = stride;
  call.capacity = capacity;
  call.first = first;
  call.weights = weights.data();
  call.taps = taps;
  call.out = out.data();
  call.width = width;
  kernels.resample_vertical(call);
  size_t wrong = 0;
  for (size_t i = 0; i < width; ++i) {
    wrong += out[i] != expected(weights.data(), taps,
                                [&](size_t j) { return ring[(first + j) % capacity * stride + i]; });
  }
  CHECK(wrong == 0);
}

TEST_CASE("resampling gives the bytes of its formula on every target, at every length") {
  size_t targets = 0;
  const Dispatch* const* kernels = supported_targets(&targets);
  for (size_t t = 0; t < targets; ++t) {
    CAPTURE(kernels[t]->name);
    Random random{t};
    for (size_t taps = 1; taps <= 9; ++taps) {
      for (size_t extra = 0; extra < 20; ++extra) {
        CAPTURE(taps);
        CAPTURE(extra);
        check_horizontal(*kernels[t], taps + extra, taps, 1 + extra % 7, &random);
        check_vertical(*kernels[t], 1 + 13 * extra, taps, taps + extra % 5, &random);
      }
    }
    check_vertical(*kernels[t], 672, 300, 304, &random);
    check_horizontal(*kernels[t], 1000, 40, 224, &random);
  }
}

}  // namespace
}  // namespace levit::kernels
