// Rows times panels with every epilogue: the one inner loop beneath GEMM, convolution and their input VJPs.
#if defined(LEVIT_KERNELS_PANEL_MATMUL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_PANEL_MATMUL_INL_H_
#undef LEVIT_KERNELS_PANEL_MATMUL_INL_H_
#else
#define LEVIT_KERNELS_PANEL_MATMUL_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// The weights of a product, which need not lie where the matrix does, and what to prefetch behind them.
struct PanelSource {
  const void* data;    // the panels of the columns from column_begin on
  Number number;       // what they hold
  const float* scale;  // of these columns, of int8
  // What becomes the next columns' panels; each 16 rows of a panel lie together, `next_stride` bytes after
  // those before them. Null: the panels behind `data`.
  const void* next;
  size_t next_stride;
};

// y = x W and the epilogue that `g` asks for, with the weights in `w` instead of g.w. scratch: a panel of
// floats unless w holds fp32.
void panel_matmul(const Gemm& g, const PanelSource& w);

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_PANEL_MATMUL_INL_H_
