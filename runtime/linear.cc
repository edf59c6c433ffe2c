#include "runtime/linear.h"

namespace levit::runtime {
namespace {

// Workers share a GEMM by columns where there are enough of them, so that each weight is read and widened
// once; else by rows. The quanta are multiples of every register tile: 64 columns; 14 rows, which divide 196
// and 98.
constexpr size_t kColumnQuantum = 64, kRowQuantum = 14;

struct Split {
  size_t parts;
  bool by_columns;
};

Split split_gemm(size_t rows, size_t columns, size_t workers) {
  const size_t column_units = (columns + kColumnQuantum - 1) / kColumnQuantum;
  const size_t row_units = (rows + kRowQuantum - 1) / kRowQuantum;
  if (column_units % workers == 0 || column_units >= 4 * workers) return {workers, true};
  if (row_units >= workers) return {workers, false};
  return column_units > row_units ? Split{column_units < workers ? column_units : workers, true}
                                  : Split{row_units, false};
}

}  // namespace

void linear(const Step& step, const Linear& layer, const kernels::SegmentedRows& x, size_t rows,
            const kernels::BlockedRows& y, const Epilogue& epilogue) {
  const size_t panels = kernels::panel_count(layer.w.outputs);
  const kernels::Gemm whole{
      x, layer.w, layer.bias, y,      epilogue.pre, epilogue.residual, epilogue.hardswish,
      0, rows,    0,          panels, nullptr};
  const Split split = split_gemm(rows, layer.w.outputs, step.workers().count);
  parallel(step.workers(), split.parts, [&](size_t index, size_t worker) {
    kernels::Gemm part = whole;
    if (split.by_columns) {
      const Range range = part_of(panels, kColumnQuantum / kernels::kPanelWidth, split.parts, index);
      part.panel_begin = range.begin;
      part.panel_end = range.end;
    } else {
      const Range range = part_of(rows, kRowQuantum, split.parts, index);
      part.row_begin = range.begin;
      part.row_end = range.end;
    }
    part.scratch = step.scratch(worker);
    step.kernels().gemm(part);
  });
}

void linear_vjp(const Step& step, const Linear& layer, const kernels::SegmentedRows& dy, size_t rows,
                float* dx, const float* pre, const float* residual) {
  const size_t depth = layer.w.depth;
  const kernels::GemmVjpInput whole{dy,    layer.w, plain_columns(dx, depth), pre, residual, 0, rows, 0,
                                    depth, nullptr};
  const Split split = split_gemm(rows, depth, step.workers().count);
  parallel(step.workers(), split.parts, [&](size_t index, size_t worker) {
    kernels::GemmVjpInput part = whole;
    if (split.by_columns) {
      const Range range = part_of(depth, kColumnQuantum, split.parts, index);
      part.column_begin = range.begin;
      part.column_end = range.end;
    } else {
      const Range range = part_of(rows, kRowQuantum, split.parts, index);
      part.row_begin = range.begin;
      part.row_end = range.end;
    }
    part.scratch = step.scratch(worker);
    step.kernels().gemm_vjp_input(part);
  });
}

void linear_vjp_parameters(const Step& step, const ParameterGradients* gradients, const Linear& layer,
                           const kernels::SegmentedRows& dy, const kernels::SegmentedRows& x, size_t rows) {
  if (gradients == nullptr) return;
  step.kernels().gemm_vjp_weights({dy, x, rows, layer.w.outputs, layer.w.depth,
                                   gradients->weight[layer.layer], gradients->bias[layer.layer]});
}

}  // namespace levit::runtime
