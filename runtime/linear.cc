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

// task(rows, columns, scratch) for each worker's part of the rows or of the columns.
template <class Task>
void split_between_workers(const Step& step, size_t rows, size_t columns, const Task& task) {
  const Split split = split_gemm(rows, columns, step.workers().count);
  parallel(step.workers(), split.parts, [&](size_t index, size_t worker) {
    const Range part = split.by_columns ? part_of(columns, kColumnQuantum, split.parts, index)
                                        : part_of(rows, kRowQuantum, split.parts, index);
    task(split.by_columns ? Range{0, rows} : part, split.by_columns ? part : Range{0, columns},
         step.scratch(worker));
  });
}

}  // namespace

void linear(const Step& step, const Linear& layer, const kernels::SegmentedRows& x, size_t rows,
            const kernels::BlockedRows& y, const Epilogue& epilogue) {
  split_between_workers(step, rows, layer.w.outputs, [&](Range row, Range column, float* scratch) {
    step.kernels().gemm({x, layer.w, layer.bias, y, epilogue.pre, epilogue.residual, epilogue.hardswish,
                         row.begin, row.end, column.begin / kernels::kPanelWidth,
                         kernels::panel_count(column.end), scratch});
  });
}

void linear_vjp(const Step& step, const Linear& layer, const kernels::SegmentedRows& dy, size_t rows,
                float* dx, const float* pre, const float* residual) {
  const kernels::BlockedRows to = plain_columns(dx, layer.w.depth);
  split_between_workers(step, rows, layer.w.depth, [&](Range row, Range column, float* scratch) {
    step.kernels().gemm_vjp_input(
        {dy, layer.w, to, pre, residual, row.begin, row.end, column.begin, column.end, scratch});
  });
}

void linear_vjp_parameters(const Step& step, const ParameterGradients* gradients, const Linear& layer,
                           const kernels::SegmentedRows& dy, const kernels::SegmentedRows& x, size_t rows) {
  if (gradients == nullptr) return;
  step.kernels().gemm_vjp_weights({dy, x, rows, layer.w.outputs, layer.w.depth,
                                   gradients->weight[layer.layer], gradients->bias[layer.layer]});
}

}  // namespace levit::runtime
