// One head of LeViT's attention over one picture, and its VJP.
//
//   s[i][j] = q[i] . k[j] / sqrt(key) + bias[|yi - yj| * side + |xi - xj|]
//   y[i]    = sum over j of softmax_j(s[i]) v[j]
// Key j lies at (j / side, j % side); query i at step * (i / qside, i % qside), qside = ceil(side / step).
// Step 1 is a block, step 2 a downsampling. The bias is read from its small table [side * side] and never
// expanded to [queries, keys]; scores exist for a few queries at a time. (Graham et al. 2021, section 3.3 and
// figure 5.)
#ifndef LEVIT_KERNELS_ATTENTION_H_
#define LEVIT_KERNELS_ATTENTION_H_

#include <cstddef>

namespace levit::kernels {

struct AttentionShape {
  size_t side;   // keys = side * side
  size_t step;   // 1 or 2
  size_t key;    // width of q and k
  size_t value;  // width of v
};

constexpr size_t attention_query_side(const AttentionShape& s) {
  return (s.side - 1) / s.step + 1;  // side / step, rounded up
}

struct Attention {
  AttentionShape shape;
  const float* q;  // [queries] rows of `key`
  size_t q_stride;
  const float* k;     // [keys] rows of `key`
  const float* v;     // [keys] rows of `value`
  size_t kv_stride;   // of both k and v
  const float* bias;  // [side * side], this head's table
  float* y;           // [queries] rows of `value`
  size_t y_stride;
  float* pre;                     // as y (y_stride) or null: y before hardswish
  bool hardswish;                 // applied to y: the activation in front of the projection
  size_t query_begin, query_end;  // the queries of this call; how they are cut changes no bit of y
  float* scratch;                 // attention_scratch_floats(shape), 64-byte aligned; per thread
};

// Recomputes the softmax. dq, dk, dv are written (not added to); rows as q, k, v.
struct AttentionVjp {
  AttentionShape shape;
  const float* q;
  size_t q_stride;
  const float* k;
  const float* v;
  size_t kv_stride;
  const float* bias;
  const float* dy;  // [queries] rows of `value`: gradient of y before hardswish
  size_t dy_stride;
  float* dq;
  size_t dq_stride;
  float* dk;
  float* dv;
  size_t dkv_stride;
  float* dbias;    // [side * side], added to; may be null
  float* scratch;  // attention_vjp_scratch_floats(shape), per thread
};

size_t attention_scratch_floats(const AttentionShape& shape);
size_t attention_vjp_scratch_floats(const AttentionShape& shape);

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_ATTENTION_H_
