// Rows times panels with every epilogue: the one inner loop beneath GEMM, convolution and their input VJPs.
//
// A tile of up to kTileRows rows by kTileVectors vectors of columns stays in registers while k runs over the
// whole depth: one weight vector is loaded for all rows of the tile, one broadcast x for all its columns.
// Rows are cut evenly (49 = 13 + 12 + 12 + 12), so there is no short last tile.
#if defined(LEVIT_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LEVIT_KERNELS_PRODUCT_INL_H_
#undef LEVIT_KERNELS_PRODUCT_INL_H_
#else
#define LEVIT_KERNELS_PRODUCT_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// y[m][n] = act(b[n] + sum over k of x[m][k] w[k][n]) * slope(z[m][n]) + r[m][n], each part optional.
struct Product {
  SegmentedRows x;   // [rows, depth]
  const void* w;     // the panels of the columns from column_begin on
  bool half;         // they hold fp16
  const void* next;  // what becomes the next columns' panels; each 16 k of a panel lie together, ...
  size_t next_step;  // ... `next_step` bytes after those before them; null: the panels behind w
  size_t depth;
  const float* bias;  // 16 for each of these panels, or null
  BlockedRows y;
  BlockedRows pre;        // data may be null: else the values before act
  const float* slope_at;  // z, laid out as y, or null: the factor is hardswish'(z)
  const float* residual;  // laid out as y, or null
  bool hardswish;         // act
  size_t row_begin, row_end;
  size_t column_begin, column_end;  // column_begin is a multiple of 16
  float* scratch;                   // product_scratch_floats(depth) when half
};

void product(const Product& p);

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LEVIT_KERNELS_PRODUCT_INL_H_
