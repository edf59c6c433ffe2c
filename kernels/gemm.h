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
  size_t row_begin, row_end;        // the rows of this call
  size_t column_begin, column_end;  // the columns of y of this call; multiples of 16 (the end may be `out`)
  float* scratch;  // gemm_scratch_floats or gemm_vjp_scratch_floats, 64-byte aligned; per thread
};

// dw [outputs, depth] += dy^T x and db [outputs] += column sums of dy. dw is a plain row-major matrix.
struct GemmVjpWeights {
  SegmentedRows dy;  // [rows, outputs]
  SegmentedRows x;   // [rows, depth]
  size_t rows;
  float* dw;  // may be null
  float* db;  // may be null
};

// Floats of scratch that a call needs, whatever the target.
size_t gemm_scratch_floats(size_t depth);
size_t gemm_vjp_scratch_floats(size_t outputs);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_GEMM_H_
