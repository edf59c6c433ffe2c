// Copies that change the layout: rows padded to whole vectors, rows transposed, panels of W transposed into
// panels of W^T for the input VJPs.
//
// Measured (bench/README.md): a 16 x 16 square of weights takes 25 cycles from L2 and about 45 in the
// network, beside 128 of multiply-adds at 16 rows, 4 % of a pass there and back. Two-source permutations of
// 512 bits instead of 256-bit interleaving: no difference. dy W without a transposition, lanes summed at the
// end: 57 instead of 68 % of the peak in stage 2. Transposing between the partial sums of the product: 6 %
// slower.
#if defined(LEVIT_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_TRANSPOSE_INL_H_
#undef LEVIT_KERNELS_TRANSPOSE_INL_H_
#else
#define LEVIT_KERNELS_TRANSPOSE_INL_H_
#endif

#include <cstring>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/panels.h"
#include "kernels/vector_math-inl.h"

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
  // Squares of kSide x kSide numbers, a row being 128 bits; a vector of 256 bits holds two, if there are.
  // Interleaving rows i and i + kSide / 2 log2(kSide) times transposes a square.
  constexpr size_t kSide = 16 / sizeof(T);
  constexpr size_t kMost = HWY_MIN(2 * kSide, kPanelWidth);
  const hn::CappedTag<T, kMost> d;
  const hn::FixedTag<T, kSide> d_row;
  constexpr size_t kVector = HWY_MIN(kMost, HWY_LANES(T));
  for (size_t i = 0; i < kPanelWidth; i += kSide) {
    for (size_t j = 0; j < kPanelWidth; j += kVector) {
      hn::Vec<decltype(d)> rows[kSide];
      for (size_t r = 0; r < kSide; ++r) {
        rows[r] = i + r < count ? hn::LoadU(d, from + (i + r) * from_stride + j) : hn::Zero(d);
      }
      for (size_t done = 1; done < kSide; done *= 2) {
        hn::Vec<decltype(d)> pairs[kSide];
        for (size_t r = 0; r < kSide / 2; ++r) {
          pairs[2 * r] = hn::InterleaveLower(d, rows[r], rows[r + kSide / 2]);
          pairs[2 * r + 1] = hn::InterleaveUpper(d, rows[r], rows[r + kSide / 2]);
        }
        for (size_t r = 0; r < kSide; ++r) {
          rows[r] = pairs[r];
        }
      }
      for (size_t r = 0; r < kSide; ++r) {
        if constexpr (kVector == kSide) {
          hn::StoreU(rows[r], d, to + (j + r) * to_stride + i);
        } else {
          hn::StoreU(hn::LowerHalf(d_row, rows[r]), d_row, to + (j + r) * to_stride + i);
          hn::StoreU(hn::UpperHalf(d_row, rows[r]), d_row, to + (j + kSide + r) * to_stride + i);
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

// to [0, count) = from. The buffers do not overlap.
HWY_INLINE void copy_row(const float* HWY_RESTRICT from, size_t count, float* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  constexpr size_t kLanes = HWY_LANES(float);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  }
  for (; i < count; ++i) {
    to[i] = from[i];
  }
}

// A copy of rows [count, width] in whole vectors: zeros up to to.stride.
inline void pack_rows(ConstRows from, size_t count, size_t width, Rows to) {
  for (size_t r = 0; r < count; ++r) {
    copy_row(from[r], width, to[r]);
    for (size_t i = width; i < to.stride; ++i) {
      to[r][i] = 0;
    }
  }
}

// to [width, to.stride] = the transpose of from [count, width]; zeros in columns from count on.
inline void transpose(ConstRows from, size_t count, size_t width, Rows to) {
  for (size_t r = 0; r < to.stride; r += kPanelWidth) {
    const size_t rows = r < count ? HWY_MIN(count - r, kPanelWidth) : 0;
    for (size_t i = 0; i < width; i += kPanelWidth) {
      const size_t columns = HWY_MIN(width - i, kPanelWidth);
      if (columns == kPanelWidth && to.stride - r >= kPanelWidth) {
        transpose_16x16(from[r] + i, from.stride, to[i] + r, to.stride, rows);
        continue;
      }
      float square[kPanelWidth * kPanelWidth] = {}, transposed[kPanelWidth * kPanelWidth];
      for (size_t row = 0; row < rows; ++row) {
        copy_row(from[r + row] + i, columns, square + row * kPanelWidth);
      }
      transpose_16x16(square, kPanelWidth, transposed, kPanelWidth, rows);
      for (size_t column = 0; column < columns; ++column) {
        copy_row(transposed + column * kPanelWidth, HWY_MIN(to.stride - r, kPanelWidth), to[i + column] + r);
      }
    }
  }
}

// The 16 columns [column, column + columns) of W's first `outputs` rows as a panel of W^T: to[n][i] =
// W[n][column + i], zero from `columns` on. Writes whole squares: panel_count(outputs) * 16 rows. scale: of
// int8, else not read.
template <class T, class U>
void transpose_panel(const T* panels, const float* scale, size_t depth, size_t outputs, size_t column,
                     size_t columns, U* to) {
  for (size_t p = 0; p < panel_count(outputs); ++p) {
    const T* square = panels + (p * depth + column) * kPanelWidth;
    T padded[kPanelWidth * kPanelWidth];
    if (columns < kPanelWidth) {
      std::memset(padded, 0, sizeof padded);
      std::memcpy(padded, square, columns * kPanelWidth * sizeof(T));
      square = padded;
    }
    U* at = to + p * kPanelWidth * kPanelWidth;
    if constexpr (sizeof(T) == sizeof(U)) {
      transpose_16x16(square, kPanelWidth, at, kPanelWidth);
    } else {
      T narrow[kPanelWidth * kPanelWidth];
      transpose_16x16(square, kPanelWidth, narrow, kPanelWidth);
      const hn::ScalableTag<float> d;
      for (size_t i = 0; i < kPanelWidth * kPanelWidth; i += hn::Lanes(d)) {
        auto wide = widen(d, narrow + i);
        if constexpr (sizeof(T) == sizeof(int8_t)) {
          wide = hn::Mul(wide, hn::Set(d, scale[p * kPanelWidth + i / kPanelWidth]));
        }
        hn::StoreU(wide, d, at + i);
      }
    }
  }
}

// What panel_matmul() multiplies fastest of W^T here: fp16 where it is widened on the way. int8 has its
// scales along the wrong side.
inline Number transposed_number(const Panels& w) {
  return w.number == Number::kHalf && kHasWiden ? Number::kHalf : Number::kFloat;
}

// The same from `w`'s numbers to these. `to` has room for floats.
inline void transpose_panel(const Panels& w, size_t column, size_t columns, void* to) {
  const auto transpose_to = [&](const auto* panels, auto* numbers) {
    transpose_panel(panels, w.scale, w.depth, w.outputs, column, columns, numbers);
  };
  using Half = std::conditional_t<kHasWiden, uint16_t, float>;
  switch (w.number) {
    case Number::kInt8:
      return transpose_to(static_cast<const int8_t*>(w.data), static_cast<float*>(to));
    case Number::kHalf:
      return transpose_to(static_cast<const uint16_t*>(w.data), static_cast<Half*>(to));
    default:
      return transpose_to(static_cast<const float*>(w.data), static_cast<float*>(to));
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_TRANSPOSE_INL_H_
