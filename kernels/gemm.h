// GEMM: y = act(x W^T + b) + r, with W in panels (panels.h), and its vector-Jacobian products.
//
// The rows of x need not be contiguous: a row is `segments` runs of `segment_length` numbers, one after the
// other along W's depth. A plain matrix has one segment; a 3x3 convolution over interleaved rows has three
// (one per kernel row); the gradient of head-major q/k/v has one per head. The columns of y may likewise be
// laid out in blocks, one per head.
//
// Every output is the sum over k = 0, 1, ... in that order, one fused multiply-add each (without FMA, in runs
// of 64 that are added up): tile shapes, row ranges and panel ranges, hence threads, do not change a bit of
// the result.
#ifndef LEVIT_KERNELS_GEMM_H_
#define LEVIT_KERNELS_GEMM_H_

#include "kernels/panels.h"

namespace levit::kernels {

inline constexpr size_t kMaxSegments = 64;

// Rows [m] of segments: element k of row m is segment[k / segment_length][m * stride + k % segment_length].
struct SegmentedRows {
  const float* const* segment;  // [segments], fp32
  size_t segments;              // 1..kMaxSegments
  size_t segment_length;        // segments * segment_length = depth
  size_t stride;                // floats between rows of one segment
};

// Columns in blocks: element n of row m is data[(n / block) * block_stride + m * stride + n % block].
// block is a multiple of 16, or at least the number of columns (then block_stride is not used).
struct BlockedRows {
  float* data;
  size_t stride;
  size_t block;
  size_t block_stride;
};

struct Gemm {
  SegmentedRows x;            // [rows, w.depth]
  Panels w;                   // [w.outputs, w.depth]
  const float* bias;          // [panel_count * 16], zero padded; may be null
  BlockedRows y;              // [rows, w.outputs]
  BlockedRows pre;            // data may be null: else the values before hardswish go here too
  const float* residual;      // may be null; laid out as y with y's stride and blocks; may be y.data itself
  bool hardswish;             // applied before the residual is added
  size_t row_begin, row_end;  // the rows of this call
  size_t panel_begin, panel_end;  // the panels of this call
  float* scratch;                 // gemm_scratch_floats(w.depth), 64-byte aligned; per thread
};

// dx = (dy W [+ nothing]) * hardswish'(pre) + residual: the input VJP, with the epilogue of the layer in
// front of it.
struct GemmVjpInput {
  SegmentedRows dy;       // [rows, w.outputs]
  Panels w;               // [w.outputs, w.depth]
  BlockedRows dx;         // [rows, w.depth]
  const float* pre;       // may be null; [rows, w.depth] laid out as dx: multiplies by hardswish'(pre)
  const float* residual;  // may be null; laid out as dx; added last; may be dx.data itself
  size_t row_begin, row_end;
  size_t column_begin,
      column_end;  // the columns of dx of this call; multiples of 16 (the end may be w.depth)
  float* scratch;  // gemm_vjp_scratch_floats(w.outputs), 64-byte aligned; per thread
};

// dw [outputs, depth] += dy^T x and db [outputs] += column sums of dy. dw is a plain row-major matrix.
struct GemmVjpWeights {
  SegmentedRows dy;  // [rows, outputs]
  SegmentedRows x;   // [rows, depth]
  size_t rows, outputs, depth;
  float* dw;  // may be null
  float* db;  // may be null
};

// Floats of scratch that a call needs, whatever the target.
size_t gemm_scratch_floats(size_t depth);
size_t gemm_vjp_scratch_floats(size_t outputs);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_GEMM_H_
