// NumPy's legacy random generator: np.random.seed(s), np.random.choice(n) and np.random.uniform(), draw for
// draw.
//
// Matsumoto and Nishimura 1998, "Mersenne Twister"; plain initialisation, masked rejection.
#ifndef LEVIT_RUNTIME_MT19937_H_
#define LEVIT_RUNTIME_MT19937_H_

#include <cstddef>
#include <cstdint>

namespace levit::runtime {

class Mt19937 {
 public:
  explicit Mt19937(uint32_t seed) {
    key_[0] = seed;
    for (uint32_t i = 1; i < kWords; ++i) key_[i] = 1812433253u * (key_[i - 1] ^ (key_[i - 1] >> 30)) + i;
  }

  uint32_t next() {
    if (position_ == kWords) twist();
    uint32_t y = key_[position_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }

  // In [0, count), count >= 1. A count of one draws nothing.
  uint32_t choice(uint32_t count) {
    const uint32_t most = count - 1;
    uint32_t mask = most;
    for (uint32_t shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    if (most == 0) return 0;
    for (;;) {
      const uint32_t value = next() & mask;
      if (value <= most) return value;
    }
  }

  // In [0, 1), 53 bits.
  double uniform() {
    const uint32_t high = next() >> 5, low = next() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

 private:
  static constexpr uint32_t kWords = 624, kShift = 397;

  void twist() {
    for (uint32_t i = 0; i < kWords; ++i) {
      const uint32_t y = (key_[i] & 0x80000000u) | (key_[(i + 1) % kWords] & 0x7fffffffu);
      key_[i] = key_[(i + kShift) % kWords] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0dfu : 0);
    }
    position_ = 0;
  }

  uint32_t key_[kWords];
  uint32_t position_ = kWords;
};

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_MT19937_H_
