#include "kernels/resample.h"

#include <cstring>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Sums = hn::ScalableTag<int32_t>;
using Pixels = hn::Rebind<uint8_t, Sums>;
using Sum = hn::Vec<Sums>;
constexpr size_t kLanes = HWY_LANES(int32_t);
constexpr size_t kPixelBytes = 4;  // red, green, blue, and one that nobody reads
constexpr size_t kBlockBytes = kResampleRows * kPixelBytes;
constexpr int32_t kHalf = int32_t{1} << (kResampleBits - 1);

// sums[v] += weight * bytes[v * kLanes ..]
template <size_t kVectors>
HWY_INLINE void accumulate(int32_t weight, const uint8_t* bytes, Sum (&sums)[kVectors]) {
  const Sum w = hn::Set(Sums(), weight);
  for (size_t v = 0; v < kVectors; ++v) {
    const Sum pixel = hn::PromoteTo(Sums(), hn::LoadU(Pixels(), bytes + v * kLanes));
    sums[v] = hn::Add(sums[v], hn::Mul(w, pixel));
  }
}

template <size_t kVectors>
HWY_INLINE void begin(Sum (&sums)[kVectors]) {
  for (Sum& sum : sums) sum = hn::Set(Sums(), kHalf);
}

template <size_t kVectors>
HWY_INLINE void finish(const Sum (&sums)[kVectors], uint8_t* out) {
  for (size_t v = 0; v < kVectors; ++v)
    hn::StoreU(hn::DemoteTo(Pixels(), hn::ShiftRight<kResampleBits>(sums[v])), Pixels(), out + v * kLanes);
}

// block[x][r] = rows[r][x]. A pixel is moved as four bytes, the last of a row as the three that are there.
void interleave(const ResampleHorizontal& a) {
  for (size_t x = 0; x + 1 < a.pixels; ++x) {
    for (size_t r = 0; r < kResampleRows; ++r)
      std::memcpy(a.block + x * kBlockBytes + r * kPixelBytes, a.rows[r] + 3 * x, kPixelBytes);
  }
  for (size_t r = 0; r < kResampleRows; ++r) {
    uint8_t* last = a.block + (a.pixels - 1) * kBlockBytes + r * kPixelBytes;
    std::memcpy(last, a.rows[r] + 3 * (a.pixels - 1), 3);
    last[3] = 0;
  }
}

}  // namespace

void resample_horizontal(const ResampleHorizontal& a) {
  interleave(a);
  for (size_t x = 0; x < a.count; ++x) {
    const int32_t* weights = a.weights + x * a.taps;
    const uint8_t* pixels = a.block + a.first[x] * kBlockBytes;
    Sum sums[kBlockBytes / kLanes];
    begin(sums);
    for (size_t j = 0; j < a.taps; ++j) accumulate(weights[j], pixels + j * kBlockBytes, sums);
    uint8_t bytes[kBlockBytes];
    finish(sums, bytes);
    for (size_t r = 0; r < kResampleRows; ++r)
      std::memcpy(a.out + r * a.out_stride + 3 * x, bytes + r * kPixelBytes, kPixelBytes);
  }
}

void resample_vertical(const ResampleVertical& a) {
  constexpr size_t kVectors = 6;
  size_t i = 0;
  for (; i + kVectors * kLanes <= a.width; i += kVectors * kLanes) {
    Sum sums[kVectors];
    begin(sums);
    for (size_t j = 0, row = a.first; j < a.taps; ++j) {
      accumulate(a.weights[j], a.ring + row * a.stride + i, sums);
      row = row + 1 < a.capacity ? row + 1 : 0;
    }
    finish(sums, a.out + i);
  }
  for (; i < a.width; ++i) {
    int32_t sum = kHalf;
    for (size_t j = 0; j < a.taps; ++j)
      sum += a.weights[j] * a.ring[(a.first + j) % a.capacity * a.stride + i];
    const int32_t value = sum >> kResampleBits;
    a.out[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
