// The first convolution of the stem, from three channels to one panel, and its weight VJP, with AVX-512
// alone: a panel is a vector there, and one weight gradient has 27 of them, which fit the registers.
//
// As a GEMM it took 70 us a picture for 39 of multiply-adds: a sum is 27 long, so that what comes before and
// behind a tile weighs most. With strides as constants, no address is computed, and 16 sums fit: 52 us.
#if defined(LEVIT_KERNELS_CONV3X3_PICTURE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_CONV3X3_PICTURE_INL_H_
#undef LEVIT_KERNELS_CONV3X3_PICTURE_INL_H_
#else
#define LEVIT_KERNELS_CONV3X3_PICTURE_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/conv3x3.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace picture {

#if HWY_TARGET == HWY_AVX3
constexpr bool is_first(size_t cin, size_t cout) {
  return cin == kPlanarChannels && cout == kPanelWidth;
}

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr size_t kPixels = 16;

// Outputs [x, x + kPixels), with the sums of panel_matmul(), in its order. w: [27][16]; taps: where each
// tap's first pixel lies (as one address and constants, gcc sees which pixels two outputs share, and spills
// them).
HWY_NOINLINE inline void convolve_pixels(const Conv3x3& c, const float* const* taps,
                                         const float* HWY_RESTRICT w, size_t x) {
  const D d;
  V sum[kPixels];
  for (V& pixel : sum) {
    pixel = hn::LoadU(d, c.bias);
  }
  for (size_t tap = 0; tap < 9; ++tap) {
    const float* HWY_RESTRICT in = taps[tap];
#pragma GCC unroll 3
    for (size_t channel = 0; channel < kPlanarChannels; ++channel) {
      const V weight = hn::LoadU(d, w + (tap * kPlanarChannels + channel) * kPanelWidth);
#pragma GCC unroll 16
      for (size_t i = 0; i < kPixels; ++i) {
        sum[i] = hn::MulAdd(hn::Set(d, in[i * 2 * kPlanarChannels + channel]), weight, sum[i]);
      }
    }
  }
  float* const out = c.out + x * kPanelWidth;
  if (c.pre != nullptr) {
    float* const pre = c.pre + x * kPanelWidth;
#pragma GCC unroll 16
    for (size_t i = 0; i < kPixels; ++i) {
      hn::StoreU(sum[i], d, pre + i * kPanelWidth);
    }
  }
  if (c.hardswish) {
#pragma GCC unroll 16
    for (size_t i = 0; i < kPixels; ++i) {
      sum[i] = hardswish(d, sum[i]);
    }
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kPixels; ++i) {
    hn::StoreU(sum[i], d, out + i * kPanelWidth);
  }
}

// Whether it could.
inline bool convolve(const Conv3x3& c) {
  if (c.w.number == Number::kInt8 || c.out_width < kPixels) {
    return false;
  }
  const float* w = static_cast<const float*>(c.w.data);
  if (c.w.number == Number::kHalf) {
    widen(static_cast<const uint16_t*>(c.w.data), c.w.depth * kPanelWidth, c.scratch);
    w = c.scratch;
  }
  for (size_t next = 0; next < c.out_width; next += kPixels) {
    const size_t x = HWY_MIN(next, c.out_width - kPixels), at = x * 2 * kPlanarChannels;
    const float* taps[9];
    for (size_t i = 0; i < 9; ++i) {
      taps[i] = c.in[i / 3] + at + i % 3 * kPlanarChannels;
    }
    convolve_pixels(c, taps, w, x);
  }
  return true;
}

#ifdef LEVIT_TRAIN
// All sums stay in registers over all rows, and dout is read where it lies: 43 us instead of 54.
inline void add_weights(const Conv3x3VjpWeights& c) {
  const D d;
  const size_t width = conv3x3_out(c.width), stride = 2 * c.cin;  // no constant, or gcc keeps pixels
  const size_t row = conv3x3_row_floats(c.width, c.cin);
  V sum[kPlanarTaps], bias = c.adds ? hn::LoadU(d, c.db) : hn::Zero(d);
#pragma GCC unroll 32
  for (size_t k = 0; k < kPlanarTaps; ++k) {
    sum[k] = c.adds ? hn::LoadU(d, c.dw + k * kPanelWidth) : hn::Zero(d);
  }
  const float* HWY_RESTRICT dout = c.dout;
  for (size_t y = 0; y < conv3x3_out(c.height); ++y) {
    const float* in[3] = {c.in + 2 * y * row, c.in + (2 * y + 1) * row, c.in + (2 * y + 2) * row};
    for (size_t x = 0; x < width; ++x) {
      const V factor = hn::LoadU(d, dout);
      bias = hn::Add(bias, factor);
#pragma GCC unroll 32
      for (size_t k = 0; k < kPlanarTaps; ++k) {
        sum[k] = hn::MulAdd(hn::Set(d, in[k / 9][k % 9]), factor, sum[k]);
      }
      for (const float*& at : in) {
        at += stride;
      }
      dout += kPanelWidth;
    }
  }
#pragma GCC unroll 32
  for (size_t k = 0; k < kPlanarTaps; ++k) {
    hn::StoreU(sum[k], d, c.dw + k * kPanelWidth);
  }
  hn::StoreU(bias, d, c.db);
}
#endif
#else
constexpr bool is_first(size_t, size_t) {
  return false;
}
inline bool convolve(const Conv3x3&) {
  return false;
}
#ifdef LEVIT_TRAIN
inline void add_weights(const Conv3x3VjpWeights&) {}
#endif
#endif

}  // namespace picture
}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_CONV3X3_PICTURE_INL_H_
