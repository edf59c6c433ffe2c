// One head of LeViT's attention over one picture, and its VJP.
//
//   s[i][j] = q[i] . k[j] / sqrt(key) + bias[|yi - yj| * side + |xi - xj|]
//   y[i]    = sum over j of softmax_j(s[i]) v[j]
// Key j lies at (j / side, j % side); query i at stride * (i / qside, i % qside), qside = ceil(side /
// stride). Stride 1 is a block of a stage, stride 2 a downsampling. The bias is read from its small table
// [side * side] and never expanded to [queries, keys]; scores exist for a few queries at a time. (Graham et
// al. 2021, section 3.3 and figure 5.)
#ifndef LEVIT_KERNELS_ATTENTION_H_
#define LEVIT_KERNELS_ATTENTION_H_

#include "kernels/panels.h"

namespace levit::kernels {

struct AttentionShape {
  size_t side;    // keys = side * side
  size_t stride;  // of the queries: 1 or 2
  size_t key;     // width of q and k
  size_t value;   // width of v
};

constexpr size_t attention_query_side(const AttentionShape& s) {
  return (s.side - 1) / s.stride + 1;  // side / stride, rounded up
}

struct Attention {
  AttentionShape shape;
  ConstRows q;                    // [queries, key]
  ConstRows k;                    // [keys, key]
  ConstRows v;                    // [keys, value]
  const float* bias_table;        // [side * side], this head's
  Rows y;                         // [queries, value]
  Rows pre;                       // [queries, value], y before hardswish; data may be null
  bool hardswish;                 // applied to y: the activation in front of the projection
  size_t query_begin, query_end;  // the queries of this call; how they are cut changes no bit of y
  float* scratch;                 // attention_scratch_floats(shape), 64-byte aligned; per thread
};

// Recomputes the softmax. dq, dk, dv are written (not added to).
struct AttentionVjp {
  AttentionShape shape;
  ConstRows q, k, v;
  const float* bias_table;
  ConstRows dy;        // [queries, value]: gradient of y before hardswish
  Rows dq, dk, dv;     // as q, k, v
  float* dbias_table;  // [side * side], added to; may be null
  float* scratch;      // attention_vjp_scratch_floats(shape), 64-byte aligned; per thread
};

size_t attention_scratch_floats(const AttentionShape& shape);
size_t attention_vjp_scratch_floats(const AttentionShape& shape);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_ATTENTION_H_
