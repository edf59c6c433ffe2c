#include "kernels/gemm.h"

#include "kernels/half.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/hardswish-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

float panel_value(const Panels& w, size_t index) {
  return w.half ? half_to_float(static_cast<const uint16_t*>(w.data)[index])
                : static_cast<const float*>(w.data)[index];
}

const float* element(const SegmentedRows& x, size_t row, size_t k) {
  return x.segment[k / x.segment_length] + row * x.stride + k % x.segment_length;
}

size_t offset(const BlockedRows& y, size_t row, size_t column) {
  return (column < y.block ? 0 : column / y.block * y.block_stride) + row * y.stride + column % y.block;
}

}  // namespace

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

void gemm_vjp_input(const GemmVjpInput& g) {
  const hn::CappedTag<float, 1> d;
  for (size_t k = g.column_begin; k < g.column_end; ++k) {
    for (size_t n = 0; n < g.w.outputs; ++n) {
      g.scratch[n] = panel_value(g.w, ((n / kPanelWidth) * g.w.depth + k) * kPanelWidth + n % kPanelWidth);
    }
    for (size_t m = g.row_begin; m < g.row_end; ++m) {
      float sum = 0;
      for (size_t n = 0; n < g.w.outputs; ++n) {
        sum += *element(g.dy, m, n) * g.scratch[n];
      }
      const size_t at = offset(g.dx, m, k);
      if (g.pre != nullptr) {
        sum *= hn::GetLane(hardswish_slope(d, hn::Set(d, g.pre[at])));
      }
      g.dx.data[at] = sum + (g.residual != nullptr ? g.residual[at] : 0);
    }
  }
}

void gemm_vjp_weights(const GemmVjpWeights& g) {
  for (size_t m = 0; m < g.rows; ++m) {
    for (size_t n = 0; n < g.outputs; ++n) {
      const float dy = *element(g.dy, m, n);
      if (g.db != nullptr) {
        g.db[n] += dy;
      }
      for (size_t k = 0; g.dw != nullptr && k < g.depth; ++k) {
        g.dw[n * g.depth + k] += dy * *element(g.x, m, k);
      }
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
