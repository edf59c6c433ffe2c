// Panels of W transposed into panels of W^T, for the input VJPs.
#if defined(LEVIT_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_TRANSPOSE_INL_H_
#undef LEVIT_KERNELS_TRANSPOSE_INL_H_
#else
#define LEVIT_KERNELS_TRANSPOSE_INL_H_
#endif

#include <cstring>

#include "hwy/highway.h"
#include "kernels/panels.h"
#include "kernels/widen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// to[j][i] = from[i][j], both 16 x 16, rows `stride` numbers apart; zeros for the rows from `count` on, which
// are not read.
template <class T>
HWY_INLINE void transpose_16x16(const T* HWY_RESTRICT from, size_t from_stride, T* HWY_RESTRICT to,
                                size_t to_stride, size_t count = kPanelWidth) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t j = 0; j < kPanelWidth; ++j) {
    for (size_t i = 0; i < kPanelWidth; ++i) {
      to[j * to_stride + i] = i < count ? from[i * from_stride + j] : T{0};
    }
  }
#else
  // Blocks of kBlock x kBlock numbers, a block row being 128 bits; a vector of 256 bits holds two.
  // Interleaving rows i and i + kBlock / 2 log2(kBlock) times transposes a block.
  constexpr size_t kBlock = 16 / sizeof(T);
  const hn::CappedTag<T, 2 * kBlock> d;
  const hn::FixedTag<T, kBlock> d_block;
  constexpr size_t kVector = HWY_MIN(2 * kBlock, HWY_LANES(T));
  for (size_t i = 0; i < kPanelWidth; i += kBlock) {
    for (size_t j = 0; j < kPanelWidth; j += kVector) {
      hn::Vec<decltype(d)> rows[kBlock];
      for (size_t r = 0; r < kBlock; ++r) {
        rows[r] = i + r < count ? hn::LoadU(d, from + (i + r) * from_stride + j) : hn::Zero(d);
      }
      for (size_t done = 1; done < kBlock; done *= 2) {
        hn::Vec<decltype(d)> pairs[kBlock];
        for (size_t r = 0; r < kBlock / 2; ++r) {
          pairs[2 * r] = hn::InterleaveLower(d, rows[r], rows[r + kBlock / 2]);
          pairs[2 * r + 1] = hn::InterleaveUpper(d, rows[r], rows[r + kBlock / 2]);
        }
        for (size_t r = 0; r < kBlock; ++r) {
          rows[r] = pairs[r];
        }
      }
      for (size_t r = 0; r < kBlock; ++r) {
        if constexpr (kVector == kBlock) {
          hn::StoreU(rows[r], d, to + (j + r) * to_stride + i);
        } else {
          hn::StoreU(hn::LowerHalf(d_block, rows[r]), d_block, to + (j + r) * to_stride + i);
          hn::StoreU(hn::UpperHalf(d_block, rows[r]), d_block, to + (j + kBlock + r) * to_stride + i);
        }
      }
    }
  }
#endif
}

#if HWY_TARGET == HWY_AVX3
// The same where a row is a vector. [i][j] is number 16 i + j; swapping i and j rotates that number's eight
// bits by four, and taking even and odd numbers apart rotates them by one.
HWY_INLINE void transpose_16x16(const float* HWY_RESTRICT from, size_t from_stride, float* HWY_RESTRICT to,
                                size_t to_stride, size_t count = kPanelWidth) {
  const hn::ScalableTag<float> d;
  hn::Vec<decltype(d)> rows[kPanelWidth], apart[kPanelWidth];
  for (size_t i = 0; i < kPanelWidth; ++i) {
    rows[i] = i < count ? hn::LoadU(d, from + i * from_stride) : hn::Zero(d);
  }
  for (size_t bit = 0; bit < 4; ++bit) {
    for (size_t i = 0; i < kPanelWidth / 2; ++i) {
      apart[i] = hn::ConcatEven(d, rows[2 * i + 1], rows[2 * i]);
      apart[i + kPanelWidth / 2] = hn::ConcatOdd(d, rows[2 * i + 1], rows[2 * i]);
    }
    for (size_t i = 0; i < kPanelWidth; ++i) {
      rows[i] = apart[i];
    }
  }
  for (size_t i = 0; i < kPanelWidth; ++i) {
    hn::StoreU(rows[i], d, to + i * to_stride);
  }
}
#endif

// The 16 columns [column, column + columns) of W's first `outputs` rows as a panel of W^T: to[n][i] =
// W[n][column + i], zero from `columns` on. Writes whole blocks: panel_count(outputs) * 16 rows.
template <class T, class U>
void transpose_panel(const T* panels, size_t depth, size_t outputs, size_t column, size_t columns, U* to) {
  for (size_t p = 0; p < panel_count(outputs); ++p) {
    const T* block = panels + (p * depth + column) * kPanelWidth;
    T padded[kPanelWidth * kPanelWidth];
    if (columns < kPanelWidth) {
      std::memset(padded, 0, sizeof padded);
      std::memcpy(padded, block, columns * kPanelWidth * sizeof(T));
      block = padded;
    }
    U* at = to + p * kPanelWidth * kPanelWidth;
    if constexpr (sizeof(T) == sizeof(U)) {
      transpose_16x16(block, kPanelWidth, at, kPanelWidth);
    } else {
      T narrow[kPanelWidth * kPanelWidth];
      transpose_16x16(block, kPanelWidth, narrow, kPanelWidth);
      const hn::ScalableTag<float> d;
      for (size_t i = 0; i < kPanelWidth * kPanelWidth; i += hn::Lanes(d)) {
        hn::StoreU(widen(d, narrow + i), d, at + i);
      }
    }
  }
}

// The same from `w`'s type to what product() multiplies fastest here: fp16 where it is widened on the way.
// `to` has room for floats.
inline void transpose_panel(const Panels& w, size_t column, size_t columns, void* to) {
  if (!w.half) {
    transpose_panel(static_cast<const float*>(w.data), w.depth, w.outputs, column, columns,
                    static_cast<float*>(to));
  } else if constexpr (kHasWiden) {
    transpose_panel(static_cast<const uint16_t*>(w.data), w.depth, w.outputs, column, columns,
                    static_cast<uint16_t*>(to));
  } else {
    transpose_panel(static_cast<const uint16_t*>(w.data), w.depth, w.outputs, column, columns,
                    static_cast<float*>(to));
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_TRANSPOSE_INL_H_
