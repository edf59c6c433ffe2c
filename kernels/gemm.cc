#include "kernels/gemm.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/panel_matmul-inl.h"
#include "kernels/small_matmul-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm& g) {
  check(g, g.w.depth, g.w.outputs);
  if (g.w.half) {
    require_scratch(g.scratch);
  }
  const size_t panel = g.column_begin / kPanelWidth;
  PanelSource w = {};
  w.data = static_cast<const char*>(g.w.data) + panel * g.w.depth * g.w.row_bytes();
  w.half = g.w.half;
  panel_matmul(g, w);
}

// Two panels of W^T at a time are written to the scratch and multiplied from there.
void gemm_vjp_input(const Gemm& g) {
  check(g, g.w.outputs, g.w.depth);
  require_scratch(g.scratch);
  PanelSource w = {};
  w.data = g.scratch;
  w.half = g.w.half && kHasWiden;
  const size_t panel_bytes = kPanelWidth * g.w.outputs * (w.half ? sizeof(uint16_t) : sizeof(float));
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

// Each segment of dy with each segment of x is a rectangle of dw.
void gemm_vjp_weights(const GemmVjpWeights& g) {
  check(g);
  const size_t depth = g.x.segments * g.x.segment_length;
  for (size_t i = 0; i < g.dy.segments; ++i) {
    const size_t n = i * g.dy.segment_length;
    const ConstRows dy = {g.dy.segment[i], g.dy.stride};
    if (g.db != nullptr) {
      add_column_sums(dy, g.rows, g.dy.segment_length, g.db + n);
    }
    for (size_t j = 0; g.dw != nullptr && j < g.x.segments; ++j) {
      OuterProducts o = {};
      o.rows = g.rows;
      o.dy = dy;
      o.outputs = g.dy.segment_length;
      o.x = {g.x.segment[j], g.x.stride};
      o.depth = g.x.segment_length;
      o.dw = {g.dw + n * depth + j * g.x.segment_length, depth};
      add_outer_products(o);
    }
  }
}

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
