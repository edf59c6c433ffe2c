// The checksum of a .levit file, in blocks, so that one pass over the bytes can also look for numbers that
// are not finite.
//
// Four sums of 64 bits; sum i takes the little-endian words i, i + 4, ... of the file:
//   sum = rotl(sum + word * A, 29) * B
// For a given word that maps sums one to one, for a given sum it maps words one to one, and so does the
// fold of the sums into one number: files that differ within one word never have the same checksum, any
// others with a chance of 2^-64. It guards against damage, not against malice.
#ifndef LEVIT_WEIGHTS_CHECKSUM_H_
#define LEVIT_WEIGHTS_CHECKSUM_H_

#include <cstddef>
#include <cstdint>

namespace levit::weights {

inline constexpr size_t kBlockBytes = 64;
inline constexpr size_t kSums = 4;

struct Digest {
  uint64_t sum[kSums];
};

// What a word of numbers must not contain: `exponent` has the exponent bits of each number, `unit` their
// lowest ones. word & exponent, plus unit, sets a number's sign bit exactly when its exponent is all ones:
// infinity or NaN.
struct FiniteMask {
  uint64_t exponent, unit;
};
inline constexpr FiniteMask kAnything = {0, 0};
inline constexpr FiniteMask kFiniteHalf = {0x7c007c007c007c00u, 0x0400040004000400u};
inline constexpr FiniteMask kFiniteFloat = {0x7f8000007f800000u, 0x0080000000800000u};

Digest digest_start(uint64_t file_bytes);

// Takes the first block, or the whole of a shorter file, with zeros for the checksum that it holds.
void digest_first_block(Digest* digest, const uint8_t* data, size_t bytes);

// Takes whole blocks. False when `mask` finds a number that is not finite.
bool digest_blocks(Digest* digest, const uint8_t* data, size_t blocks, FiniteMask mask);

uint64_t digest_end(const Digest& digest);

// The checksum of a whole file; the eight bytes that hold it count as zero.
uint64_t checksum(const void* image, size_t bytes);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_CHECKSUM_H_
