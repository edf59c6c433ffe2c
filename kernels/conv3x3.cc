// The convolutions of the stem as matrix products: forward a GEMM over three input rows, backward one for
// each parity of pixels, or in blocks of all four, and over planes for the picture's three channels.
//
// Measured (bench/README.md): the convolutions run at 84 % of the FMA peak. conv1 has 16 outputs, one vector,
// so that loads bound it (conv3x3_picture-inl.h); its input gradient runs at 51 %. The input gradient of
// conv2, 16 channels as well, ran at 69 % as four GEMMs; blocks of pixels (AVX-512) reach 93 %. Of conv3, 32
// channels, blocks are no faster than GEMMs two vectors wide.
#include "kernels/conv3x3.h"

#include <cstring>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3x3.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv3x3_picture-inl.h"
#include "kernels/panel_matmul-inl.h"
#include "kernels/small_matmul-inl.h"
#include "kernels/transpose-inl.h"
#include "kernels/weight_gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// A GEMM whose row x is three segments of 3 cin numbers, one in each input row, 2 cin further for the next x.
void conv3x3(const Conv3x3& c) {
  check(c);
  if (picture::is_first(c.cin, c.w.outputs) && picture::convolve(c)) {
    return;
  }
  const size_t cout = c.w.outputs;
  Gemm g = {};
  g.x.segment = c.in;
  g.x.segments = 3;
  g.x.segment_length = 3 * c.cin;
  g.x.stride = 2 * c.cin;
  g.bias = c.bias;
  g.y = {c.out, cout, cout, 0};
  g.pre = {c.pre, cout, cout, 0};
  g.hardswish = c.hardswish;
  g.streams = c.streams;
  g.row_end = c.out_width;
  g.column_end = cout;
  g.scratch = c.scratch;
  PanelSource w = {};
  w.data = c.w.data;
  w.number = c.w.number;
  w.scale = c.w.scale;
  panel_matmul(g, w);
}

namespace {

using small::D;
using small::kLanes;
using small::V;

// An input row or column is read by one tap of the kernel when its number is even, by two when it is odd: the
// tap kTap[parity][i] of the output with number (input / 2) + i.
constexpr size_t kTap[2][2] = {{1, 0}, {2, 0}};
constexpr size_t kTaps[2] = {1, 2};

// Floats of an output row as pad_row() writes it, behind the weights in the scratch.
size_t padded_row(const Conv3x3VjpInput& c) {
  return (conv3x3_out(c.width) + 1) * c.w.outputs;
}

// Output row `oy` with a zero pixel on its right, or a row of zeros below the picture, in the buffer of its
// parity.
const float* pad_row(const Conv3x3VjpInput& c, size_t oy) {
  const size_t floats = conv3x3_out(c.width) * c.w.outputs;
  float* row = c.scratch + conv3x3_vjp_taps_floats(c.w.outputs) + (oy % 2) * padded_row(c);
  const size_t copied = oy < conv3x3_out(c.height) ? floats : 0;
  std::memcpy(row, c.dout + oy * copied, copied * sizeof(float));
  std::memset(row + copied, 0, (padded_row(c) - copied) * sizeof(float));
  return row;
}

// The weights of the input channels [channel, channel + channels) as panels of W^T, [parity of y][parity of
// x], each [panel][tap][cout][16]; returns the bytes from one panel of one tap to the next.
size_t transpose_taps(const Conv3x3VjpInput& c, size_t channel, size_t channels) {
  const size_t bytes = c.w.outputs * kPanelWidth * size_of(transposed_number(c.w));
  char* to = reinterpret_cast<char*>(c.scratch);
  for (size_t parity = 0; parity < 4; ++parity) {
    for (size_t i = 0; i < channels; i += kPanelWidth) {
      for (size_t a = 0; a < kTaps[parity / 2]; ++a) {
        for (size_t b = 0; b < kTaps[parity % 2]; ++b) {
          const size_t tap = kTap[parity / 2][a] * 3 + kTap[parity % 2][b];
          transpose_panel(c.w, tap * c.cin + channel + i, HWY_MIN(channels - i, kPanelWidth), to);
          to += bytes;
        }
      }
    }
  }
  return bytes;
}

// Pixels of one parity in both directions form a GEMM of their own, with 1, 2, 2 or 4 taps. The weights of up
// to two panels of channels stay in the scratch for all rows.
void vjp_input_by_parity(const Conv3x3VjpInput& c, size_t channel, size_t channels) {
  const size_t tap_bytes = transpose_taps(c, channel, channels);
  const float* rows[2] = {nullptr, pad_row(c, c.row_begin / 2)};
  Gemm g = {};
  g.column_begin = channel;
  g.column_end = channel + channels;
  PanelSource w = {};
  w.number = transposed_number(c.w);
  for (size_t y = c.row_begin; y < c.row_end; ++y) {
    if (y % 2 == 0) {
      rows[0] = rows[1];
      rows[1] = pad_row(c, y / 2 + 1);
    }
    const char* taps = reinterpret_cast<const char*>(c.scratch);
    taps += y % 2 * 3 * panel_count(channels) * tap_bytes;  // behind the 1 + 2 taps of the even rows
    for (size_t odd = 0; odd < HWY_MIN(c.width, size_t{2}); ++odd) {
      const float* segment[4];
      size_t segments = 0;
      for (size_t a = 0; a < kTaps[y % 2]; ++a) {
        for (size_t b = 0; b < kTaps[odd]; ++b) {
          segment[segments++] = rows[a] + b * c.w.outputs;
        }
      }
      const size_t at = (y * c.width + odd) * c.cin;
      g.x = {segment, segments, c.w.outputs, c.w.outputs};
      g.y = {c.din + at, 2 * c.cin, c.cin, 0};
      g.slope_at = c.pre != nullptr ? c.pre + at : nullptr;
      g.row_end = divide_up(c.width - odd, 2);
      w.data = taps;
      panel_matmul(g, w);
      taps += segments * panel_count(channels) * tap_bytes;
    }
  }
}

#if HWY_TARGET == HWY_AVX3
// A panel of channels is a vector. Where it comes alone, a GEMM loads a number of dout for each multiply-add;
// blocks of 2 x 2 kBlock pixels load it once for all taps that it meets: 19 loads for 36 multiply-adds.
constexpr bool kHasBlocks = true;
constexpr size_t kBlock = kConv3x3Block;

// The taps of a panel behind those that transpose_taps() left, in its order, but [cout][9][16] floats.
const float* pack_block_taps(const Conv3x3VjpInput& c) {
  const D d;
  float* const packed = c.scratch + conv3x3_vjp_taps_floats(c.w.outputs) / 2;
  for (size_t i = 0; i < 9 * c.w.outputs; ++i) {
    const void* const taps = c.scratch;
    const V tap = transposed_number(c.w) == Number::kHalf
                      ? widen(d, static_cast<const uint16_t*>(taps) + i * kPanelWidth)
                      : hn::LoadU(d, static_cast<const float*>(taps) + i * kPanelWidth);
    hn::StoreU(tap, d, packed + (i % c.w.outputs * 9 + i / c.w.outputs) * kPanelWidth);
  }
  return packed;
}

// Output pixels [x, x + kBlock] of row `oy`; where some do not exist, a copy with zeros in their place.
HWY_INLINE const float* outputs_at(const Conv3x3VjpInput& c, size_t oy, size_t x, float* copy) {
  const size_t width = conv3x3_out(c.width), cout = c.w.outputs, all = (kBlock + 1) * cout;
  const size_t count = oy < conv3x3_out(c.height) ? HWY_MIN((width - x) * cout, all) : 0;
  const float* const from = c.dout + (count > 0 ? (oy * width + x) * cout : 0);
  if (count == all) {
    return from;
  }
  std::memcpy(copy, from, count * sizeof(float));
  std::memset(copy + count, 0, (all - count) * sizeof(float));
  return copy;
}

// sum[parity][i] of the pixel at column 2 i + parity % 2 of row parity / 2; top, bottom: from outputs_at().
HWY_INLINE void accumulate_block(const float* HWY_RESTRICT taps, const float* HWY_RESTRICT top,
                                 const float* HWY_RESTRICT bottom, size_t cout, V (&sum)[4][kBlock]) {
  const D d;
  for (size_t o = 0; o < cout; ++o) {
    V tap[9];
    for (size_t i = 0; i < 9; ++i) {
      tap[i] = hn::LoadU(d, taps + i * kPanelWidth);
    }
    taps += 9 * kPanelWidth;
#pragma GCC unroll 8
    for (size_t i = 0; i <= kBlock; ++i) {
      const V above = hn::Set(d, top[i * cout + o]), below = hn::Set(d, bottom[i * cout + o]);
      if (i < kBlock) {
        sum[0][i] = hn::MulAdd(above, tap[0], sum[0][i]);
        sum[1][i] = hn::MulAdd(above, tap[1], sum[1][i]);
        sum[2][i] = hn::MulAdd(above, tap[3], sum[2][i]);
        sum[3][i] = hn::MulAdd(above, tap[5], sum[3][i]);
        sum[2][i] = hn::MulAdd(below, tap[4], sum[2][i]);
        sum[3][i] = hn::MulAdd(below, tap[7], sum[3][i]);
      }
      if (i > 0) {
        sum[1][i - 1] = hn::MulAdd(above, tap[2], sum[1][i - 1]);
        sum[3][i - 1] = hn::MulAdd(above, tap[6], sum[3][i - 1]);
        sum[3][i - 1] = hn::MulAdd(below, tap[8], sum[3][i - 1]);
      }
    }
  }
}

// Calls op(sum, where it lies in din and pre) for the pixels that exist: all of them where `kWhole`, and the
// sums stay in registers.
template <bool kWhole, class Op>
HWY_INLINE void for_block(const Conv3x3VjpInput& c, size_t at, size_t rows, size_t columns,
                          V (&sum)[4][kBlock], const Op& op) {
#pragma GCC unroll 4
  for (size_t parity = 0; parity < 4; ++parity) {
    const size_t row = at + parity / 2 * c.width * c.cin;
#pragma GCC unroll 8
    for (size_t i = 0; i < kBlock; ++i) {
      const size_t column = 2 * i + parity % 2;
      if (kWhole || (parity / 2 < rows && column < columns)) {
        op(sum[parity][i], row + column * c.cin);
      }
    }
  }
}

template <bool kWhole>
HWY_INLINE void store_block(const Conv3x3VjpInput& c, size_t at, size_t rows, size_t columns,
                            V (&sum)[4][kBlock]) {
  if (c.pre != nullptr) {
    for_block<kWhole>(c, at, rows, columns, sum, [&](V& pixel, size_t i) HWY_ATTR {
      pixel = hn::Mul(pixel, hardswish_slope(D(), hn::LoadU(D(), c.pre + i)));
    });
  }
  for_block<kWhole>(c, at, rows, columns, sum,
                    [&](V& pixel, size_t i) HWY_ATTR { hn::StoreU(pixel, D(), c.din + i); });
}

// Rows y and y + 1 of din, as far as they exist, at the pixels that outputs [x, x + kBlock) reach.
HWY_NOINLINE void vjp_block(const Conv3x3VjpInput& c, const float* taps, size_t channel, size_t y, size_t x) {
  float* const copies = c.scratch + conv3x3_vjp_taps_floats(c.w.outputs);
  V sum[4][kBlock];
#pragma GCC unroll 4
  for (auto& pixels : sum) {
#pragma GCC unroll 8
    for (V& pixel : pixels) {
      pixel = hn::Zero(D());
    }
  }
  accumulate_block(taps, outputs_at(c, y / 2, x, copies),
                   outputs_at(c, y / 2 + 1, x, copies + (kBlock + 1) * c.w.outputs), c.w.outputs, sum);
  const size_t at = (y * c.width + 2 * x) * c.cin + channel;
  const size_t rows = c.row_end - y, columns = c.width - 2 * x;
  if (rows >= 2 && columns >= 2 * kBlock) {
    store_block<true>(c, at, rows, columns, sum);
  } else {
    store_block<false>(c, at, rows, columns, sum);
  }
}

void vjp_input_in_blocks(const Conv3x3VjpInput& c, size_t channel) {
  transpose_taps(c, channel, kPanelWidth);
  const float* const taps = pack_block_taps(c);
  for (size_t y = c.row_begin; y < c.row_end; y += 2) {
    for (size_t x = 0; 2 * x < c.width; x += kBlock) {
      vjp_block(c, taps, channel, y, x);
    }
  }
}
#else
constexpr bool kHasBlocks = false;
void vjp_input_in_blocks(const Conv3x3VjpInput&, size_t) {}
#endif

// The planar VJP works on planes of dout, lanes along x, so that three channels waste none.
constexpr size_t kChannels = kPlanarChannels;
// Sums of 2 x 2 pixels of every channel, two vectors of each where there are 32 registers.
constexpr size_t kPlanarVectors = HWY_TARGET == HWY_AVX3 || HWY_TARGET == LEVIT_NEON ? 2 : 1;

// Output row `oy` as planes [cout][plane_floats], zeros behind the row and below the picture, in the buffer
// of its parity.
const float* planes_of_row(const Conv3x3VjpInput& c, size_t oy) {
  const size_t width = conv3x3_out(c.width), cout = c.w.outputs, stride = conv3x3_plane_floats(c.width);
  float* planes = c.scratch + kPlanarTaps * cout + oy % 2 * conv3x3_planes_floats(c.width, cout);
  const size_t pixels = oy < conv3x3_out(c.height) ? width : 0;
  transpose({c.dout + oy * pixels * cout, cout}, pixels, cout, {planes, stride});
  return planes;
}

// The weights in the order in which planar_tile() takes them: [cout][kPlanarTaps].
void pack_planar_taps(const Conv3x3VjpInput& c) {
  const Panels& w = c.w;
  float* to = c.scratch;
  for (size_t o = 0; o < w.outputs; ++o) {
    for (size_t i = 0; i < 4; ++i) {
      const size_t a = i / 2, b = i % 2;
      for (size_t parity = 0; parity < 4; ++parity) {
        if (a >= kTaps[parity / 2] || b >= kTaps[parity % 2]) {
          continue;
        }
        const size_t k = (kTap[parity / 2][a] * 3 + kTap[parity % 2][b]) * kChannels;
        for (size_t channel = 0; channel < kChannels; ++channel) {
          *to++ = weight_at(w, o, k + channel);
        }
      }
    }
  }
}

// Rows y and y + 1 of din, as far as they exist, at the pixels that outputs [x, x + kVectors * kLanes) reach.
template <size_t kVectors>
void planar_tile(const Conv3x3VjpInput& c, const float* const* planes, size_t y, size_t x) {
  const D d;
  const size_t stride = conv3x3_plane_floats(c.width);
  const float* w = c.scratch;
  V sum[4][kChannels][kVectors];
  for (auto& pixel : sum) {
    for (auto& channel : pixel) {
      for (V& lanes : channel) {
        lanes = hn::Zero(d);
      }
    }
  }
  for (size_t at = x; at < x + c.w.outputs * stride; at += stride) {
    HWY_UNROLL(4)
    for (size_t i = 0; i < 4; ++i) {
      V dout[kVectors];
      HWY_UNROLL(2)
      for (size_t v = 0; v < kVectors; ++v) {
        dout[v] = hn::LoadU(d, planes[i / 2] + at + i % 2 + v * kLanes);
      }
      HWY_UNROLL(4)
      for (size_t parity = 0; parity < 4; ++parity) {
        if (i / 2 < kTaps[parity / 2] && i % 2 < kTaps[parity % 2]) {
          HWY_UNROLL(3)
          for (size_t channel = 0; channel < kChannels; ++channel) {
            const V weight = hn::Set(d, *w++);
            HWY_UNROLL(2)
            for (size_t v = 0; v < kVectors; ++v) {
              sum[parity][channel][v] = hn::MulAdd(weight, dout[v], sum[parity][channel][v]);
            }
          }
        }
      }
    }
  }
  const size_t columns = HWY_MIN(2 * kVectors * kLanes, c.width - 2 * x);
  for (size_t row = y; row < HWY_MIN(y + 2, c.row_end); ++row) {
    for (size_t channel = 0; channel < kChannels; ++channel) {
      float* din = c.din + (channel * c.height + row) * c.width + 2 * x;
      float partial[2 * kVectors * kLanes];
      float* pixels = columns == 2 * kVectors * kLanes ? din : partial;
      for (size_t v = 0; v < kVectors; ++v) {
        hn::StoreInterleaved2(sum[2 * (row - y)][channel][v], sum[2 * (row - y) + 1][channel][v], d,
                              pixels + 2 * v * kLanes);
      }
      if (pixels == partial) {
        std::memcpy(din, partial, columns * sizeof(float));
      }
    }
  }
}

void vjp_input_planar(const Conv3x3VjpInput& c) {
  pack_planar_taps(c);
  const size_t width = conv3x3_out(c.width);
  const float* planes[2] = {nullptr, planes_of_row(c, c.row_begin / 2)};
  for (size_t y = c.row_begin; y < c.row_end; y += 2) {
    planes[0] = planes[1];
    planes[1] = planes_of_row(c, y / 2 + 1);
    size_t x = 0;
    for (; x + kLanes < width; x += kPlanarVectors * kLanes) {
      planar_tile<kPlanarVectors>(c, planes, y, x);
    }
    if (x < width) {
      planar_tile<1>(c, planes, y, x);
    }
  }
}

}  // namespace

void conv3x3_vjp_input(const Conv3x3VjpInput& c) {
  check(c);
  if (c.planar) {
    return vjp_input_planar(c);
  }
  for (size_t channel = 0; channel < c.cin; channel += 2 * kPanelWidth) {
    const size_t channels = HWY_MIN(c.cin - channel, 2 * kPanelWidth);
    if (kHasBlocks && channels == kPanelWidth) {
      vjp_input_in_blocks(c, channel);
    } else {
      vjp_input_by_parity(c, channel, channels);
    }
  }
}

#ifdef LEVIT_TRAIN
// As gemm_vjp_weights, some output rows at a time; the zero pixels are multiplied like all others.
void conv3x3_vjp_weights(const Conv3x3VjpWeights& c) {
  check(c);
  if (picture::is_first(c.cin, c.cout)) {
    return picture::add_weights(c);
  }
  const size_t height = conv3x3_out(c.height), width = conv3x3_out(c.width), depth = 9 * c.cin;
  const size_t row = conv3x3_row_floats(c.width, c.cin);
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): an output has columns
  const size_t most = HWY_MAX(kWeightRows / width, size_t{1});
  const float* x[3];
  WeightGradient part = {
      {x, 3, 3 * c.cin, 2 * c.cin}, 0, width, 2 * row, c.scratch, 0, nullptr, depth, c.adds};
  for (size_t y = 0; y < height; y += part.groups) {
    part.groups = HWY_MIN(height - y, most);
    for (size_t ky = 0; ky < 3; ++ky) {
      x[ky] = c.in + (2 * y + ky) * row;
    }
    for (size_t begin = 0; begin < c.cout; begin += kWeightStrip) {
      const size_t end = HWY_MIN(begin + kWeightStrip, c.cout);
      const float* const dout = c.dout + y * width * c.cout + begin;
      copy_strip({dout, dout + kPanelWidth}, c.cout, part.groups * width, end - begin, part.adds, c.scratch,
                 c.db + begin);
      part.columns = round_up(end - begin, kPanelWidth);
      part.dw = c.dw + begin * depth;
      outer::add_strip(part);
    }
    part.adds = true;
  }
}
#endif

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

// The taps and two padded output rows or parts of them, or two rows of planes.
size_t conv3x3_vjp_scratch_floats(size_t width, size_t cin, size_t cout) {
  const size_t pixels = HWY_MAX(conv3x3_out(width), kConv3x3Block) + 1;
  const size_t rows = conv3x3_vjp_taps_floats(cout) + 2 * pixels * cout;
  const size_t planes = kPlanarTaps * cout + 2 * conv3x3_planes_floats(width, cout);
  return round_up(cin == kPlanarChannels && planes > rows ? planes : rows, kPanelWidth);
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
