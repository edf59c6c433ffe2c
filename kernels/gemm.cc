#include "kernels/gemm.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/panel_matmul-inl.h"
#include "kernels/transpose-inl.h"
#include "kernels/weight_gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm& g) {
  check(g, g.w.depth, g.w.outputs);
  if (g.w.number != Number::kFloat) {
    require_scratch(g.scratch);
  }
  const size_t panel = g.column_begin / kPanelWidth;
  PanelSource w = {};
  w.data = static_cast<const char*>(g.w.data) + panel * g.w.depth * g.w.row_bytes();
  w.number = g.w.number;
  w.scale = g.w.scale != nullptr ? g.w.scale + g.column_begin : nullptr;
  panel_matmul(g, w);
}

// Two panels of W^T at a time are written to the scratch and multiplied from there.
void gemm_vjp_input(const Gemm& g) {
  check(g, g.w.outputs, g.w.depth);
  require_scratch(g.scratch);
  PanelSource w = {};
  w.data = g.scratch;
  w.number = transposed_number(g.w);
  const size_t panel_bytes = kPanelWidth * g.w.outputs * size_of(w.number);
  constexpr size_t kColumns = 2 * kPanelWidth;
  Gemm two = g;
  for (size_t begin = g.column_begin; begin < g.column_end; begin += kColumns) {
    const size_t end = HWY_MIN(begin + kColumns, g.column_end);
    char* to = reinterpret_cast<char*>(g.scratch);
    for (size_t column = begin; column < end; column += kPanelWidth) {
      transpose_panel(g.w, column, HWY_MIN(kPanelWidth, end - column), to);
      to += panel_bytes;  // the next panel begins where the outputs end, on top of this one's padding
    }
    // The columns of W that are transposed next lie in every panel of W.
    w.next = static_cast<const char*>(g.w.data) + end * g.w.row_bytes();
    w.next_stride = g.w.depth * g.w.row_bytes();
    two.column_begin = begin;
    two.column_end = end;
    panel_matmul(two, w);
  }
}

#ifdef LEVIT_TRAIN
// Some rows of x at a time, which L2 holds while strip after strip of dy passes.
void gemm_vjp_weights(const GemmVjpWeights& g) {
  check(g);
  const size_t depth = g.x.segments * g.x.segment_length;
  const float* x[kMaxSegments];
  WeightGradient part = {
      {x, g.x.segments, g.x.segment_length, g.x.stride}, 1, 0, 0, g.scratch, 0, nullptr, depth, g.adds};
  for (size_t row = 0; row < g.rows; row += part.group_rows) {
    part.group_rows = HWY_MIN(g.rows - row, kWeightRows);
    for (size_t s = 0; s < g.x.segments; ++s) {
      x[s] = g.x.segment[s] + row * g.x.stride;
    }
    for (size_t begin = g.column_begin; begin < g.column_end; begin += kWeightStrip) {
      const size_t end = HWY_MIN(begin + kWeightStrip, g.column_end);
      const float* dy[2] = {};
      for (size_t n = begin; n < end; n += kPanelWidth) {
        dy[(n - begin) / kPanelWidth] =
            g.dy.segment[n / g.dy.segment_length] + n % g.dy.segment_length + row * g.dy.stride;
      }
      copy_strip(dy, g.dy.stride, part.group_rows, end - begin, part.adds, g.scratch, g.db + begin);
      part.columns = round_up(end - begin, kPanelWidth);
      part.dw = g.dw + begin * depth;
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

size_t gemm_scratch_floats(size_t depth) {
  return kPanelWidth * depth;
}

// Two transposed panels of 16 columns.
size_t gemm_vjp_scratch_floats(size_t outputs) {
  return 2 * kPanelWidth * kPanelWidth * panel_count(outputs);
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
