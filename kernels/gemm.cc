#include "kernels/gemm.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/outer-inl.h"
#include "kernels/product-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm& g) {
  const size_t panel_bytes = kPanelWidth * g.w.depth * (g.w.half ? sizeof(uint16_t) : sizeof(float));
  Product p = {};
  p.x = g.x;
  p.w = static_cast<const char*>(g.w.data) + g.panel_begin * panel_bytes;
  p.half = g.w.half;
  p.depth = g.w.depth;
  p.bias = g.bias != nullptr ? g.bias + g.panel_begin * kPanelWidth : nullptr;
  p.y = g.y;
  p.pre = g.pre;
  p.residual = g.residual;
  p.hardswish = g.hardswish;
  p.row_begin = g.row_begin;
  p.row_end = g.row_end;
  p.column_begin = g.panel_begin * kPanelWidth;
  p.column_end = HWY_MIN(g.panel_end * kPanelWidth, g.w.outputs);
  p.scratch = g.scratch;
  product(p);
}

// dx is a product too, of dy and W transposed: two panels of W^T at a time are written to the scratch.
void gemm_vjp_input(const GemmVjpInput& g) {
  const bool half = g.w.half && kHasWiden;
  const size_t weight_bytes = g.w.half ? sizeof(uint16_t) : sizeof(float);
  const size_t panel_bytes = kPanelWidth * g.w.outputs * (half ? sizeof(uint16_t) : sizeof(float));
  Product p = {};
  p.x = g.dy;
  p.w = g.scratch;
  p.half = half;
  p.depth = g.w.outputs;
  p.y = g.dx;
  p.slope_at = g.pre;
  p.residual = g.residual;
  p.row_begin = g.row_begin;
  p.row_end = g.row_end;
  const size_t step = 2 * kPanelWidth;
  for (p.column_begin = g.column_begin; p.column_begin < g.column_end; p.column_begin += step) {
    p.column_end = HWY_MIN(p.column_begin + step, g.column_end);
    char* to = reinterpret_cast<char*>(g.scratch);
    for (size_t column = p.column_begin; column < p.column_end; column += kPanelWidth) {
      transpose_panel(g.w, column, HWY_MIN(kPanelWidth, p.column_end - column), to);
      to += panel_bytes;  // the next panel begins where the outputs end, on top of this one's padding
    }
    p.next = static_cast<const char*>(g.w.data) + p.column_end * kPanelWidth * weight_bytes;
    p.next_step = g.w.depth * kPanelWidth * weight_bytes;
    product(p);
  }
}

// Each segment of dy with each segment of x is a rectangle of dw.
void gemm_vjp_weights(const GemmVjpWeights& g) {
  for (size_t i = 0; i < g.dy.segments; ++i) {
    const size_t n = i * g.dy.segment_length;
    if (g.db != nullptr) {
      add_rows(g.dy.segment[i], g.dy.stride, g.rows, g.dy.segment_length, g.db + n);
    }
    for (size_t j = 0; g.dw != nullptr && j < g.x.segments; ++j) {
      outer({g.dy.segment[i], g.dy.stride, g.x.segment[j], g.x.stride,
             g.dw + n * g.depth + j * g.x.segment_length, g.depth, g.rows, g.dy.segment_length,
             g.x.segment_length});
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
