#include "runtime/linear.h"

namespace levit::runtime {
namespace {

// The quantum of columns is a multiple of every register tile; rows are cut evenly into tiles, wherever they
// begin.
constexpr size_t kColumnQuantum = 64;
constexpr size_t kFewestRows = 12;  // of a worker, for tiles that are high enough

// task(rows, columns, scratch) for each worker's part of the rows or of the columns.
template <class Task>
void split_between_workers(const Step& step, Split split, size_t rows, size_t columns, const Task& task) {
  const Range all_rows{0, rows}, all_columns{0, columns};
  const bool by_rows = split == Split::kRows;
  const size_t units = by_rows ? rows : (columns + kColumnQuantum - 1) / kColumnQuantum;
  const size_t parts = units < step.workers().count ? units : step.workers().count;
  parallel(step.workers(), parts, [&](size_t index, size_t worker) {
    task(by_rows ? part_of(rows, 1, parts, index) : all_rows,
         by_rows ? all_columns : part_of(columns, kColumnQuantum, parts, index), step.scratch(worker));
  });
}

}  // namespace

Split split_of(size_t rows, const Workers& workers) {
  return rows >= kFewestRows * workers.count ? Split::kRows : Split::kColumns;
}

void linear(const Step& step, Split split, const Linear& layer, const kernels::SegmentedRows& x, size_t rows,
            const kernels::OutputRows& y, const Epilogue& epilogue) {
  split_between_workers(step, split, rows, layer.w.outputs, [&](Range row, Range column, float* scratch) {
    kernels::Gemm g{};
    g.x = x;
    g.w = layer.w;
    g.bias = layer.bias;
    g.y = y;
    g.pre = epilogue.pre;
    g.residual = epilogue.residual;
    g.hardswish = epilogue.hardswish;
    g.streams = epilogue.streams;
    g.row_begin = row.begin;
    g.row_end = row.end;
    g.column_begin = column.begin;
    g.column_end = column.end;
    g.scratch = scratch;
    step.kernels().gemm(g);
  });
}

void linear_vjp(const Step& step, const Linear& layer, const kernels::SegmentedRows& dy, size_t rows,
                float* dx, const float* pre, const float* residual) {
  const kernels::OutputRows to = plain_columns(dx, layer.w.depth);
  split_between_workers(step, split_of(rows, step.workers()), rows, layer.w.depth,
                        [&](Range row, Range column, float* scratch) {
                          kernels::Gemm g{};
                          g.x = dy;
                          g.w = layer.w;
                          g.y = to;
                          g.slope_at = pre;
                          g.residual = residual;
                          g.row_begin = row.begin;
                          g.row_end = row.end;
                          g.column_begin = column.begin;
                          g.column_end = column.end;
                          g.scratch = scratch;
                          step.kernels().gemm_vjp_input(g);
                        });
}

#ifdef LEVIT_TRAIN
void linear_vjp_parameters(const Pass& pass, const Linear& layer, const kernels::SegmentedRows& dy,
                           const kernels::SegmentedRows& x, size_t rows, Range pictures, bool defers,
                           Range columns, float* scratch) {
  kernels::GemmVjpWeights g{};
  g.dy = dy;
  g.x = x;
  g.rows = rows;
  g.dw = pass.parameters->of(layer.w.data, pictures.begin);
  g.db = pass.parameters->of(layer.bias, pictures.begin);
  g.adds = defers ? pass.parameters->begin + pictures.begin > 0
                  : pictures.end != pass.parameters->share_around(pictures.begin).end;
  g.column_begin = columns.begin;
  g.column_end = columns.end;
  g.scratch = scratch;
  pass.context.kernels->gemm_vjp_weights(g);
}
#endif

}  // namespace levit::runtime
