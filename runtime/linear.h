// A linear layer over token rows, and its VJP, split over the workers.
#ifndef LEVIT_RUNTIME_LINEAR_H_
#define LEVIT_RUNTIME_LINEAR_H_

#include "runtime/pass.h"
#include "runtime/tensor.h"

namespace levit::runtime {

// How workers share the rows and columns of a layer. A worker that keeps its rows finds them in its own cache
// from layer to layer; where rows are few, sharing columns reads each weight once instead.
enum class Split { kRows, kColumns };
Split split_of(size_t rows, const Workers& workers);

struct Epilogue {
  bool hardswish = false;
  kernels::OutputRows pre{};        // also stores the values before hardswish
  const float* residual = nullptr;  // added last; laid out as y
  bool streams = false;             // as in kernels::Gemm
};

// y = act(x W^T + b) + residual for `rows` rows.
void linear(const Step& step, Split split, const Linear& layer, const kernels::SegmentedRows& x, size_t rows,
            const kernels::OutputRows& y, const Epilogue& epilogue = {});

// dx = (dy W) * hardswish'(pre) + residual, dx [rows, depth] contiguous, pre and residual laid out alike,
// either null.
void linear_vjp(const Step& step, const Linear& layer, const kernels::SegmentedRows& dy, size_t rows,
                float* dx, const float* pre, const float* residual);

// Adds some columns of the layer's dW and db from rows of pictures of one share, or, where the layer is
// deferred, of any. x: the layer's input. scratch: kWeightScratchFloats.
void linear_vjp_parameters(const Pass& pass, const Linear& layer, const kernels::SegmentedRows& dy,
                           const kernels::SegmentedRows& x, size_t rows, Range pictures, bool defers,
                           Range columns, float* scratch);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_LINEAR_H_
