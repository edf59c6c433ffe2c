#include "weights/checksum.h"

#include "weights/layout.h"
#include "weights/reader.h"

namespace levit::weights {
namespace {

constexpr uint64_t kA = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
constexpr uint64_t kB = 0xbb67ae8584caa73bu;  // fraction of sqrt(3)
constexpr uint64_t kSigns = 0x8000800080008000u;

constexpr uint64_t rotl(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}
constexpr uint64_t mix(uint64_t sum, uint64_t word) {
  return rotl(sum + word * kA, 29) * kB;
}

}  // namespace

Digest digest_start(uint64_t file_bytes) {
  Digest digest;
  for (size_t i = 0; i < kSums; ++i) digest.sum[i] = file_bytes + (i + 1) * kB;
  return digest;
}

bool digest_blocks(Digest* digest, const uint8_t* data, size_t blocks, FiniteMask mask) {
  uint64_t a = digest->sum[0], b = digest->sum[1], c = digest->sum[2], d = digest->sum[3];
  uint64_t found = 0;
  const uint8_t* const end = data + blocks * kBlockBytes;
  for (; data != end; data += kSums * 8) {
    const uint64_t w0 = load_u64(data), w1 = load_u64(data + 8), w2 = load_u64(data + 16),
                   w3 = load_u64(data + 24);
    a = mix(a, w0);
    b = mix(b, w1);
    c = mix(c, w2);
    d = mix(d, w3);
    found |= ((w0 & mask.exponent) + mask.unit) | ((w1 & mask.exponent) + mask.unit) |
             ((w2 & mask.exponent) + mask.unit) | ((w3 & mask.exponent) + mask.unit);
  }
  *digest = {{a, b, c, d}};
  // With exponents of a float, bits 15 and 47 are mantissa, which the mask has cleared.
  return (found & kSigns) == 0;
}

uint64_t digest_end(const Digest& digest) {
  uint64_t h = 0;
  for (const uint64_t sum : digest.sum) {
    h = (rotl(h, 27) ^ sum) * kA;
    h ^= h >> 32;
  }
  h = (h ^ h >> 29) * kB;
  return h ^ h >> 32;
}

void digest_first_block(Digest* digest, const uint8_t* data, size_t bytes) {
  uint8_t block[kBlockBytes] = {};
  if (bytes > 0) std::memcpy(block, data, bytes < kBlockBytes ? bytes : kBlockBytes);
  store_u64(block + kAtChecksum, 0);
  digest_blocks(digest, block, 1, kAnything);
}

uint64_t checksum(const void* image, size_t bytes) {
  const uint8_t* const data = static_cast<const uint8_t*>(image);
  Digest digest = digest_start(bytes);
  digest_first_block(&digest, data, bytes);
  if (bytes > kBlockBytes) {
    const size_t blocks = bytes / kBlockBytes - 1, rest = bytes % kBlockBytes;
    digest_blocks(&digest, data + kBlockBytes, blocks, kAnything);
    uint8_t block[kBlockBytes] = {};
    std::memcpy(block, data + bytes - rest, rest);
    if (rest > 0) digest_blocks(&digest, block, 1, kAnything);
  }
  return digest_end(digest);
}

}  // namespace levit::weights
