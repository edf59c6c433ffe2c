#include "kernels/conv3x3.h"

#include <cstring>

#include "kernels/half.h"
#include "kernels/hardswish.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3x3.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/outer-inl.h"
#include "kernels/product-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm&);
void hardswish_vjp(const HardswishVjp&);

// A GEMM whose row x is three runs of 3 cin numbers, one in each input row, 2 cin further for the next x.
void conv3x3(const Conv3x3& c) {
  Gemm g = {};
  g.x = {c.in, 3, 3 * c.cin, 2 * c.cin};
  g.w = c.w;
  g.bias = c.bias;
  g.y = {c.out, c.w.outputs, c.w.outputs, 0};
  g.pre = {c.pre, c.w.outputs, c.w.outputs, 0};
  g.hardswish = c.hardswish;
  g.row_end = c.out_width;
  g.panel_end = panel_count(c.w.outputs);
  g.scratch = c.scratch;
  gemm(g);
}

namespace {

// An input row or column is read by one tap of the kernel when its number is even, by two when it is odd: the
// tap kTap[parity][i] of the output with number (input / 2) + i.
constexpr size_t kTap[2][2] = {{1, 0}, {2, 0}};
constexpr size_t kTaps[2] = {1, 2};

// Where the scratch of the input VJP begins and what lies behind the weights.
size_t padded_row(const Conv3x3VjpInput& c) {
  return (conv3x3_out(c.width) + 1) * c.w.outputs;
}

float* padded_rows(const Conv3x3VjpInput& c) {
  return c.scratch + conv3x3_vjp_taps_floats(c.w.outputs);
}

// Output row `oy` with a zero pixel on its right, or a row of zeros below the picture, in the place of its
// parity.
const float* pad_row(const Conv3x3VjpInput& c, size_t oy) {
  const size_t floats = conv3x3_out(c.width) * c.w.outputs;
  float* row = padded_rows(c) + (oy % 2) * padded_row(c);
  const size_t copied = oy < conv3x3_out(c.height) ? floats : 0;
  std::memcpy(row, c.dout + oy * copied, copied * sizeof(float));
  std::memset(row + copied, 0, (padded_row(c) - copied) * sizeof(float));
  return row;
}

// The weights of the input channels [channel, channel + channels) as panels of W^T, [parity of y][parity of
// x], each [panel][tap][cout][16]; returns the bytes from one panel of one tap to the next.
size_t transpose_taps(const Conv3x3VjpInput& c, size_t channel, size_t channels) {
  const size_t bytes = c.w.outputs * kPanelWidth * (c.w.half && kHasWiden ? sizeof(uint16_t) : sizeof(float));
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
  Product p = {};
  p.half = c.w.half && kHasWiden;
  p.column_begin = channel;
  p.column_end = channel + channels;
  for (size_t y = c.row_begin; y < c.row_end; ++y) {
    if (y % 2 == 0) {
      rows[0] = rows[1];
      rows[1] = pad_row(c, y / 2 + 1);
    }
    const char* w = reinterpret_cast<const char*>(c.scratch);
    w += y % 2 * 3 * panel_count(channels) * tap_bytes;  // behind the 1 + 2 taps of the even rows
    for (size_t odd = 0; odd < HWY_MIN(c.width, size_t{2}); ++odd) {
      const float* segment[4];
      size_t segments = 0;
      for (size_t a = 0; a < kTaps[y % 2]; ++a) {
        for (size_t b = 0; b < kTaps[odd]; ++b) {
          segment[segments++] = rows[a] + b * c.w.outputs;
        }
      }
      const size_t at = (y * c.width + odd) * c.cin;
      p.x = {segment, segments, c.w.outputs, c.w.outputs};
      p.w = w;
      p.depth = segments * c.w.outputs;
      p.y = {c.din + at, 2 * c.cin, c.cin, 0};
      p.slope_at = c.pre != nullptr ? c.pre + at : nullptr;
      p.row_end = (c.width + 1 - odd) / 2;
      product(p);
      w += segments * panel_count(channels) * tap_bytes;
    }
  }
}

// With up to four channels the 2 x 2 pixels of all parities fill one panel: column (2 (y % 2) + x % 2) cin +
// c. Their depth is the 2 x 2 outputs that any of them reads, and the weights of taps that do not exist are
// zero.
void pack_taps(const Conv3x3VjpInput& c) {
  const Panels& w = c.w;
  const size_t depth = 4 * w.outputs;
  std::memset(c.scratch, 0, depth * kPanelWidth * sizeof(float));
  for (size_t parity = 0; parity < 4; ++parity) {
    for (size_t a = 0; a < kTaps[parity / 2]; ++a) {
      for (size_t b = 0; b < kTaps[parity % 2]; ++b) {
        const size_t k = (kTap[parity / 2][a] * 3 + kTap[parity % 2][b]) * c.cin;
        for (size_t o = 0; o < w.outputs; ++o) {
          float* to = c.scratch + ((2 * a + b) * w.outputs + o) * kPanelWidth + parity * c.cin;
          for (size_t i = 0; i < c.cin; ++i) {
            const size_t at = ((o / kPanelWidth) * w.depth + k + i) * kPanelWidth + o % kPanelWidth;
            to[i] = w.half ? half_to_float(static_cast<const uint16_t*>(w.data)[at])
                           : static_cast<const float*>(w.data)[at];
          }
        }
      }
    }
  }
}

// From blocks [x / 2][parity][cin] to row y of the picture.
void unpack_row(const Conv3x3VjpInput& c, const float* blocks, size_t y) {
  const size_t step = c.planar ? 1 : c.cin;
  for (size_t i = 0; i < c.cin; ++i) {
    float* to = c.din + (c.planar ? (i * c.height + y) * c.width : y * c.width * c.cin + i);
    const float* even = blocks + y % 2 * 2 * c.cin + i;
    const float* odd = even + c.cin;
    for (size_t x = 0; x + 1 < c.width; x += 2) {
      to[x * step] = even[x / 2 * kPanelWidth];
      to[(x + 1) * step] = odd[x / 2 * kPanelWidth];
    }
    if (c.width % 2 == 1) {
      to[(c.width - 1) * step] = even[c.width / 2 * kPanelWidth];
    }
  }
  if (c.pre != nullptr) {
    const size_t row = y * c.width * c.cin;
    hardswish_vjp({c.pre + row, c.din + row, c.din + row, c.width * c.cin});
  }
}

void vjp_input_packed(const Conv3x3VjpInput& c) {
  pack_taps(c);
  float* blocks = padded_rows(c) + 2 * padded_row(c);
  const float* rows[2] = {nullptr, pad_row(c, c.row_begin / 2)};
  Product p = {};
  p.x = {rows, 2, 2 * c.w.outputs, c.w.outputs};  // both columns of a row lie side by side
  p.w = c.scratch;
  p.depth = 4 * c.w.outputs;
  p.y = {blocks, kPanelWidth, kPanelWidth, 0};
  p.row_end = conv3x3_out(c.width);
  p.column_end = kPanelWidth;
  for (size_t y = c.row_begin; y < c.row_end; y += 2) {
    rows[0] = rows[1];
    rows[1] = pad_row(c, y / 2 + 1);
    product(p);
    for (size_t row = y; row < HWY_MIN(y + 2, c.row_end); ++row) {
      unpack_row(c, blocks, row);
    }
  }
}

}  // namespace

void conv3x3_vjp_input(const Conv3x3VjpInput& c) {
  if (4 * c.cin <= kPanelWidth) {
    return vjp_input_packed(c);
  }
  for (size_t channel = 0; channel < c.cin; channel += 2 * kPanelWidth) {
    vjp_input_by_parity(c, channel, HWY_MIN(c.cin - channel, 2 * kPanelWidth));
  }
}

// For each output row and each kernel row a sum of outer products; the pixels at the left and right edge,
// which lack a kernel column, go alone.
void conv3x3_vjp_weights(const Conv3x3VjpWeights& c) {
  const size_t out_width = conv3x3_out(c.width);
  const size_t inside_end = c.width % 2 == 0 ? out_width : out_width - 1;
  for (size_t oy = 0; oy < conv3x3_out(c.height); ++oy) {
    const float* dout = c.dout + oy * out_width * c.cout;
    add_rows(dout, c.cout, out_width, c.cout, c.db);
    for (size_t ky = 0; ky < 3; ++ky) {
      const size_t y = 2 * oy + ky - 1;  // above the picture this wraps to a huge number
      if (y >= c.height) {
        continue;
      }
      const float* in = c.in + y * c.width * c.cin;
      float* dw = c.dw + 3 * ky * c.cin;
      Outer o = {
          dout, c.cout, in, 2 * c.cin, dw + c.cin, 9 * c.cin, 1, c.cout, HWY_MIN(c.width, size_t{2}) * c.cin};
      outer(o);
      if (inside_end > 1) {
        o = {dout + c.cout, c.cout, in + c.cin, 2 * c.cin, dw, 9 * c.cin, inside_end - 1, c.cout, 3 * c.cin};
        outer(o);
      }
      if (inside_end < out_width && out_width > 1) {
        o = {dout + (out_width - 1) * c.cout,
             c.cout,
             in + (c.width - 2) * c.cin,
             2 * c.cin,
             dw,
             9 * c.cin,
             1,
             c.cout,
             2 * c.cin};
        outer(o);
      }
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

// The taps, two padded output rows, and a row of 2 x 2 blocks.
size_t conv3x3_vjp_scratch_floats(size_t width, size_t cin, size_t cout) {
  const size_t blocks = 4 * cin <= kPanelWidth ? conv3x3_out(width) * kPanelWidth : 0;
  return conv3x3_vjp_taps_floats(cout) + 2 * (conv3x3_out(width) + 1) * cout + blocks;
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
