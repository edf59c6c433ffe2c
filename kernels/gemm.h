// GEMM: y = act(x W^T + b) + r, with W in panels (panels.h), and its vector-Jacobian products.
//
// Every output is the sum over k = 0, 1, ... in that order, one fused multiply-add each (without FMA, in
// partial sums of 64 that are added up): tile shapes, row ranges and column ranges, hence threads, do not
// change a bit of the result.
#ifndef LEVIT_KERNELS_GEMM_H_
#define LEVIT_KERNELS_GEMM_H_

#include "kernels/panels.h"

namespace levit::kernels {

// A product of rows with panels, each part of the epilogue optional:
//   gemm            y[m][n] = act(b[n] + sum over k of x[m][k] W[n][k]) * hardswish'(z[m][n]) + r[m][n]
//   gemm_vjp_input  y[m][k] = the same with W transposed: sum over n of x[m][n] W[n][k]; x is the gradient
//                   dy at the layer's output, y the gradient dx at its input
// `rows`, `in` and `out` below: rows of x and y; numbers in a row of x; numbers in a row of y.
struct Gemm {
  SegmentedRows x;                  // [rows, in]
  Panels w;                         // [out, in], or [in, out] where it is transposed
  const float* bias;                // [panel_count(out) * 16], zero padded; may be null
  OutputRows y;                     // [rows, out]
  OutputRows pre;                   // data may be null: else the values before `hardswish` go here too
  const float* slope_at;            // z, the input of the layer in front; may be null; laid out as y
  const float* residual;            // r; may be null; laid out as y; may be y.data itself
  bool hardswish;                   // act
  bool streams;                     // pre is read so late that it shall take no room in a cache; in training
  size_t row_begin, row_end;        // the rows of this call
  size_t column_begin, column_end;  // the columns of y of this call; multiples of 16 (the end may be `out`)
  float* scratch;  // gemm_scratch_floats or gemm_vjp_scratch_floats, 64-byte aligned; per thread
};

// The contract of a call whose x has `in` columns and y `out`.
inline void check(const Gemm& g, size_t in, size_t out) {
  check(g.x, in);
  check(g.w);
  check(g.y, out);
  if (g.pre.data != nullptr) {
    check(g.pre, out);
  }
  require(g.x.stride >= g.x.segment_length, "rows of x do not overlap");
  require(g.row_begin <= g.row_end, "rows end where they begin or later");
  require(g.column_begin <= g.column_end && g.column_end <= out, "columns lie in the output");
  require(g.column_begin % kPanelWidth == 0, "columns begin with a panel");
  require(g.column_end % kPanelWidth == 0 || g.column_end == out, "columns end with a panel or the output");
  // Where x has no gaps, nothing of it may be written before it is read.
  for (size_t s = 0; kAssertions && g.x.stride == g.x.segment_length && s < g.x.segments; ++s) {
    const size_t rows = g.row_end - g.row_begin;
    const float* x = g.x.segment[s] + g.row_begin * g.x.stride;
    const float* y = g.y.data + g.row_begin * g.y.stride;
    require(rows == 0 || g.y.stride != out || are_disjoint(x, rows * g.x.stride, y, rows * out),
            "the output does not lie over the input");
  }
}

// dW = dy^T x in panels, as W is packed, and db = the column sums of dy; `adds`: on from the sums that dw and
// db hold. Every sum is one chain of multiply-adds over the rows, in order: neither how rows are cut into
// calls nor how columns are changes a bit.
struct GemmVjpWeights {
  SegmentedRows dy;  // [rows, outputs]; segments of whole panels, or one
  SegmentedRows x;   // [rows, depth]
  size_t rows;
  float* dw;  // [panel_count(outputs)][depth][16]
  float* db;  // [panel_count(outputs) * 16]
  bool adds;
  size_t column_begin, column_end;  // the outputs of this call; multiples of 16 (the end may be `outputs`)
  float* scratch;                   // kWeightScratchFloats, 64-byte aligned; per thread
};

// Two panels of dy for some rows, which stay in L1.
inline constexpr size_t kWeightStrip = 2 * kPanelWidth, kWeightRows = 256;
inline constexpr size_t kWeightScratchFloats = kWeightStrip * kWeightRows;

inline void check(const GemmVjpWeights& g) {
  const size_t outputs = g.dy.segments * g.dy.segment_length;
  check(g.dy, outputs);
  check(g.x, g.x.segments * g.x.segment_length);
  require(g.dy.segments == 1 || g.dy.segment_length % kPanelWidth == 0, "segments of dy are whole panels");
  require(g.dy.stride >= g.dy.segment_length, "rows of dy do not overlap");
  require(g.x.stride >= g.x.segment_length, "rows of x do not overlap");
  require(g.rows > 0 && g.dw != nullptr && g.db != nullptr, "there are rows, and both gradients");
  require(g.column_begin <= g.column_end && g.column_end <= outputs, "columns lie in the output");
  require(g.column_begin % kPanelWidth == 0, "columns begin with a panel");
  require(g.column_end % kPanelWidth == 0 || g.column_end == outputs,
          "columns end with a panel or the output");
  require_scratch(g.scratch);
}

// Floats of scratch that a call needs, whatever the target.
size_t gemm_scratch_floats(size_t depth);
size_t gemm_vjp_scratch_floats(size_t outputs);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_GEMM_H_
