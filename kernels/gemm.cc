#include "kernels/gemm.h"

#include "kernels/half.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/hardswish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

float panel_value(const Panels& w, size_t index) {
  return w.half ? half_to_float(static_cast<const uint16_t*>(w.data)[index])
                : static_cast<const float*>(w.data)[index];
}

// Panel p in fp32.
void widen_panel(const Panels& w, size_t p, float* out) {
  const size_t count = w.depth * kPanelWidth;
  for (size_t i = 0; i < count; ++i) {
    out[i] = panel_value(w, p * count + i);
  }
}

const float* element(const SegmentedRows& x, size_t row, size_t k) {
  return x.segment[k / x.segment_length] + row * x.stride + k % x.segment_length;
}

size_t offset(const BlockedRows& y, size_t row, size_t column) {
  return (column < y.block ? 0 : column / y.block * y.block_stride) + row * y.stride + column % y.block;
}

float apply(bool activate, float x) {
  const hn::CappedTag<float, 1> d;
  return activate ? hn::GetLane(hardswish(d, hn::Set(d, x))) : x;
}

}  // namespace

void gemm(const Gemm& g) {
  for (size_t p = g.panel_begin; p < g.panel_end; ++p) {
    widen_panel(g.w, p, g.scratch);
    for (size_t m = g.row_begin; m < g.row_end; ++m) {
      float sum[kPanelWidth] = {};
      for (size_t j = 0; g.bias != nullptr && j < kPanelWidth; ++j) {
        sum[j] = g.bias[p * kPanelWidth + j];
      }
      for (size_t k = 0; k < g.w.depth; ++k) {
        const float x = *element(g.x, m, k);
        for (size_t j = 0; j < kPanelWidth; ++j) {
          sum[j] += x * g.scratch[k * kPanelWidth + j];
        }
      }
      for (size_t j = 0; j < kPanelWidth && p * kPanelWidth + j < g.w.outputs; ++j) {
        const size_t at = offset(g.y, m, p * kPanelWidth + j);
        if (g.pre.data != nullptr) {
          g.pre.data[offset(g.pre, m, p * kPanelWidth + j)] = sum[j];
        }
        g.y.data[at] = apply(g.hardswish, sum[j]) + (g.residual != nullptr ? g.residual[at] : 0);
      }
    }
  }
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
