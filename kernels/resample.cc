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
constexpr size_t kPixelBytes = 4;  // red, green, blue, blue again
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

#if HWY_TARGET != HWY_SCALAR
// Four pixels of each of the four rows: block[0..4][r] = rows[r][0..4]. Reads 16 bytes of each row.
HWY_INLINE void interleave_four(const uint8_t* const (&rows)[kResampleRows], size_t at, uint8_t* block) {
  const hn::FixedTag<uint8_t, 16> bytes;
  const hn::FixedTag<uint32_t, 4> pixels;
  const hn::FixedTag<uint64_t, 2> pairs;
  alignas(16) static constexpr uint8_t kSpread[16] = {0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11};
  const auto spread = hn::Load(bytes, kSpread);
  const auto row = [&](size_t r) {
    return hn::BitCast(pixels, hn::TableLookupBytes(hn::LoadU(bytes, rows[r] + at), spread));
  };
  const auto row0 = row(0), row1 = row(1), row2 = row(2), row3 = row(3);
  const auto store = [&](auto top, auto bottom, size_t x) {
    const auto top_pairs = hn::BitCast(pairs, top), bottom_pairs = hn::BitCast(pairs, bottom);
    const auto even = hn::InterleaveLower(pairs, top_pairs, bottom_pairs);
    const auto odd = hn::InterleaveUpper(pairs, top_pairs, bottom_pairs);
    hn::StoreU(hn::BitCast(bytes, even), bytes, block + x * kBlockBytes);
    hn::StoreU(hn::BitCast(bytes, odd), bytes, block + (x + 1) * kBlockBytes);
  };
  store(hn::InterleaveLower(pixels, row0, row1), hn::InterleaveLower(pixels, row2, row3), 0);
  store(hn::InterleaveUpper(pixels, row0, row1), hn::InterleaveUpper(pixels, row2, row3), 2);
}
#endif

// block[x][r] = rows[r][x].
void interleave(const uint8_t* const (&rows)[kResampleRows], size_t pixels, uint8_t* block) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; 3 * x + 16 <= 3 * pixels; x += 4) interleave_four(rows, 3 * x, block + x * kBlockBytes);
#endif
  for (; x < pixels; ++x) {
    for (size_t r = 0; r < kResampleRows; ++r) {
      const uint8_t* from = rows[r] + 3 * x;
      const uint8_t pixel[kPixelBytes] = {from[0], from[1], from[2], from[2]};
      std::memcpy(block + x * kBlockBytes + r * kPixelBytes, pixel, kPixelBytes);
    }
  }
}

}  // namespace

void resample_horizontal(const ResampleHorizontal& a) {
  interleave(a.rows, a.pixels, a.block);
  // Copies, because stores through a byte pointer could change `a`.
  const uint8_t* const block = a.block;
  const size_t taps = a.taps, count = a.count, out_stride = a.out_stride;
  const int32_t* weights = a.weights;
  const uint32_t* const first = a.first;
  uint8_t* out = a.out;
  for (size_t x = 0; x < count; ++x, weights += taps, out += 3) {
    const uint8_t* pixels = block + first[x] * kBlockBytes;
    Sum sums[kBlockBytes / kLanes];
    begin(sums);
    for (size_t j = 0; j < taps; ++j) accumulate(weights[j], pixels + j * kBlockBytes, sums);
    uint8_t bytes[kBlockBytes];
    finish(sums, bytes);
    for (size_t r = 0; r < kResampleRows; ++r)
      std::memcpy(out + r * out_stride, bytes + r * kPixelBytes, kPixelBytes);
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
