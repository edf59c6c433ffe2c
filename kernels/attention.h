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

#include "kernels/contract.h"
#include "kernels/panels.h"

namespace levit::kernels {

struct AttentionShape {
  size_t side;    // keys = side * side
  size_t stride;  // of the queries: 1 or 2
  size_t key;     // width of q and k
  size_t value;   // width of v
};

constexpr size_t attention_query_side(const AttentionShape& s) {
  return divide_up(s.side, s.stride);
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
  bool streams;                   // as in Gemm
  size_t query_begin, query_end;  // the queries of this call; how they are cut changes no bit of y
  float* scratch;                 // attention_scratch_floats(shape), 64-byte aligned; per thread
};

inline void check(const AttentionShape& s) {
  require(s.side > 0 && s.key > 0 && s.value > 0, "no size is 0");
  require(s.stride == 1 || s.stride == 2, "queries have stride 1 or 2");
}

inline void check(const Attention& a) {
  check(a.shape);
  require(a.q.data != nullptr && a.q.stride >= a.shape.key, "rows of q are there and do not overlap");
  require(a.k.data != nullptr && a.k.stride >= a.shape.key, "rows of k are there and do not overlap");
  require(a.v.data != nullptr && a.v.stride >= a.shape.value, "rows of v are there and do not overlap");
  require(a.y.data != nullptr && a.y.stride >= a.shape.value, "rows of y are there and do not overlap");
  require(a.pre.data == nullptr || a.pre.stride >= a.shape.value, "rows of pre do not overlap");
  require(a.bias_table != nullptr, "the bias table is there");
  const size_t queries = attention_query_side(a.shape) * attention_query_side(a.shape);
  require(a.query_begin <= a.query_end && a.query_end <= queries, "queries lie in the picture");
  require_scratch(a.scratch);
}

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

inline void check(const AttentionVjp& a) {
  check(a.shape);
  const size_t key = a.shape.key, value = a.shape.value;
  require(a.q.data != nullptr && a.q.stride >= key, "rows of q are there and do not overlap");
  require(a.k.data != nullptr && a.k.stride >= key, "rows of k are there and do not overlap");
  require(a.v.data != nullptr && a.v.stride >= value, "rows of v are there and do not overlap");
  require(a.dy.data != nullptr && a.dy.stride >= value, "rows of dy are there and do not overlap");
  require(a.dq.data != nullptr && a.dq.stride >= key, "rows of dq are there and do not overlap");
  require(a.dk.data != nullptr && a.dk.stride >= key, "rows of dk are there and do not overlap");
  require(a.dv.data != nullptr && a.dv.stride >= value, "rows of dv are there and do not overlap");
  require(a.bias_table != nullptr, "the bias table is there");
  require_scratch(a.scratch);
}

size_t attention_scratch_floats(const AttentionShape& shape);
size_t attention_vjp_scratch_floats(const AttentionShape& shape);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_ATTENTION_H_
