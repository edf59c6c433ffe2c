// 3x3 convolution, stride 2, padding 1, one output row at a time, over channel-interleaved rows (HWC), and
// its VJPs.
//
// Row by row, because the stem streams: an output row needs three input rows, which lie in a ring of line
// buffers. An input row buffer holds width + 1 pixels: one zero pixel on the left (x = -1), then x = 0 ..
// width - 1, and, when the width is odd, one zero pixel on the right; `in` points at the zero pixel. A row
// above or below the picture is zeros. Weights are panels with depth 9 * cin, k = (ky * 3 + kx) * cin + c:
// three GEMM segments of 3 * cin.
#ifndef LEVIT_KERNELS_CONV3X3_H_
#define LEVIT_KERNELS_CONV3X3_H_

#include "kernels/gemm.h"

namespace levit::kernels {

constexpr size_t conv3x3_out(size_t in) {
  return divide_up(in, 2);
}

// Floats of an input row buffer, zero pixels included.
constexpr size_t conv3x3_row_floats(size_t width, size_t cin) {
  return (2 * conv3x3_out(width) + 1) * cin;
}

// One output row: out[x][o] = act(b[o] + sum over ky, kx, c of in[ky][2 x + kx][c] w[o][ky][kx][c]).
struct Conv3x3 {
  const float* in[3];  // input rows 2 y - 1, 2 y, 2 y + 1, each from its left zero pixel
  Panels w;            // [cout, 9 cin]
  const float* bias;   // [16 * panel_count(cout)]
  float* out;          // [out_width, cout]
  float* pre;          // [out_width, cout] before hardswish; may be null
  size_t cin, out_width;
  bool hardswish;
  bool streams;    // as in Gemm
  float* scratch;  // gemm_scratch_floats(9 cin), 64-byte aligned; per thread
};

inline void check(const Conv3x3& c) {
  for (size_t i = 0; kAssertions && i < 3; ++i) {
    require(c.in[i] != nullptr, "the three input rows are there");
  }
  check(c.w);
  require(c.w.depth == 9 * c.cin, "the weights have nine taps of cin channels");
  require(c.out != nullptr, "the output is there");
  if (c.w.number != Number::kFloat) {
    require_scratch(c.scratch);
  }
}

// Input VJP of a whole picture: din [h, w, cin] from dout [out(h), out(w), cout], times hardswish'(pre) when
// pre is given.
struct Conv3x3VjpInput {
  const float* dout;  // [out_h, out_w, cout]
  Panels w;           // [cout, 9 cin]
  const float* pre;   // [h, w, cin] or null
  float* din;         // [h, w, cin]; with `planar` [cin, h, w]
  bool planar;        // write din channel by channel, as the gradient of a picture is; cin = 3, no pre
  size_t height, width, cin;
  size_t row_begin, row_end;  // the rows of din of this call; row_begin even
  float* scratch;             // conv3x3_vjp_scratch_floats(width, cin, cout), 64-byte aligned; per thread
};

inline void check(const Conv3x3VjpInput& c) {
  check(c.w);
  require(c.w.depth == 9 * c.cin, "the weights have nine taps of cin channels");
  require(c.dout != nullptr && c.din != nullptr, "both gradients are there");
  require(c.row_begin <= c.row_end && c.row_end <= c.height, "rows lie in the picture");
  require(c.row_begin % 2 == 0, "rows begin with an even one");
  require(!c.planar || (c.cin == 3 && c.pre == nullptr), "a planar gradient is the picture's");
  require_scratch(c.scratch);
}

// Floats of a whole picture with the zero pixels that a convolution reads: a row of zeros, then row buffers
// as above, and, when the height is odd, another row of zeros.
constexpr size_t conv3x3_padded_floats(size_t height, size_t width, size_t cin) {
  return (2 * conv3x3_out(height) + 1) * conv3x3_row_floats(width, cin);
}

// dW in panels (k as above) and db of a whole picture, as GemmVjpWeights has them; the rows are its output
// pixels, row by row.
struct Conv3x3VjpWeights {
  const float* dout;  // [out_h, out_w, cout]
  const float* in;    // conv3x3_padded_floats
  size_t height, width, cin, cout;
  float* dw;       // [panel_count(cout)][9 cin][16]
  float* db;       // [panel_count(cout) * 16]
  bool adds;       // on from the sums that dw and db hold
  float* scratch;  // conv3x3_weight_scratch_floats(width), 64-byte aligned; per thread
};

// A strip of dout for one output row at least.
constexpr size_t conv3x3_weight_scratch_floats(size_t width) {
  const size_t rows = conv3x3_out(width);
  return kWeightStrip * (rows > kWeightRows ? rows : kWeightRows);
}

inline void check(const Conv3x3VjpWeights& c) {
  require(c.height > 0 && c.width > 0 && c.cin > 0 && c.cout > 0, "no size is 0");
  require(c.dout != nullptr && c.in != nullptr && c.dw != nullptr && c.db != nullptr, "all arrays are there");
  require_scratch(c.scratch);
}

// The part of the scratch that holds the nine taps of two panels of W^T, whole squares of 16 x 16.
constexpr size_t conv3x3_vjp_taps_floats(size_t cout) {
  return size_t{9} * 2 * kPanelWidth * kPanelWidth * panel_count(cout);
}

// Outputs side by side whose input pixels form a block.
inline constexpr size_t kConv3x3Block = 4;

// Where din is planar, rows of dout lie in the scratch as planes [cout][plane].
inline constexpr size_t kPlanarChannels = 3;
inline constexpr size_t kPlanarTaps = 9 * kPlanarChannels;

// A plane has at least one zero behind its row.
constexpr size_t conv3x3_plane_floats(size_t width) {
  return round_up(conv3x3_out(width) + 1, kPanelWidth);
}

constexpr size_t conv3x3_planes_floats(size_t width, size_t cout) {
  return cout * conv3x3_plane_floats(width) + kPanelWidth;  // whole vectors at the end
}

size_t conv3x3_vjp_scratch_floats(size_t width, size_t cin, size_t cout);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_CONV3X3_H_
