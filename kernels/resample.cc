#include "kernels/resample.h"

#include <cstring>

namespace levit::kernels {
namespace {

constexpr int32_t kHalf = int32_t{1} << (kResampleBits - 1);

uint8_t rounded(int32_t sum) {
  const int32_t value = sum >> kResampleBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace

void resample_horizontal(const ResampleHorizontal& a) {
  for (size_t r = 0; r < kResampleRows; ++r) {
    for (size_t x = 0; x < a.count; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        int32_t sum = kHalf;
        for (size_t j = 0; j < a.taps; ++j)
          sum += a.weights[x * a.taps + j] * a.rows[r][(a.first[x] + j) * 3 + c];
        a.out[r * a.out_stride + x * 3 + c] = rounded(sum);
      }
    }
  }
}

void resample_vertical(const ResampleVertical& a) {
  for (size_t i = 0; i < a.width; ++i) {
    int32_t sum = kHalf;
    for (size_t j = 0; j < a.taps; ++j)
      sum += a.weights[j] * a.ring[(a.first + j) % a.capacity * a.stride + i];
    a.out[i] = rounded(sum);
  }
}

}  // namespace levit::kernels
