#include "kernels/attention.h"

#include <cmath>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

size_t distance(size_t a, size_t b) {
  return a > b ? a - b : b - a;
}

// The row of the bias table that query i and key j share.
size_t bias_index(const AttentionShape& s, size_t i, size_t j) {
  const size_t query_side = attention_query_side(s);
  return distance(s.step * (i / query_side), j / s.side) * s.side +
         distance(s.step * (i % query_side), j % s.side);
}

float dot(const float* a, const float* b, size_t count) {
  float sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

// p [keys] = softmax of query i's scores.
void probabilities(const AttentionShape& s, const float* q, const float* k, size_t kv_stride,
                   const float* bias, size_t i, float* p) {
  const size_t keys = s.side * s.side;
  const float scale = 1.0f / std::sqrt(static_cast<float>(s.key));
  float top = 0;
  for (size_t j = 0; j < keys; ++j) {
    p[j] = dot(q, k + j * kv_stride, s.key) * scale + bias[bias_index(s, i, j)];
    top = j == 0 || p[j] > top ? p[j] : top;
  }
  float sum = 0;
  for (size_t j = 0; j < keys; ++j) {
    p[j] = std::exp(p[j] - top);
    sum += p[j];
  }
  for (size_t j = 0; j < keys; ++j) {
    p[j] /= sum;
  }
}

float activate(float x) {
  const float gate = x + 3 < 0 ? 0 : x + 3 > 6 ? 6 : x + 3;
  return x * gate / 6;
}

}  // namespace

void attention(const Attention& a) {
  const size_t keys = a.shape.side * a.shape.side;
  for (size_t i = a.query_begin; i < a.query_end; ++i) {
    probabilities(a.shape, a.q + i * a.q_stride, a.k, a.kv_stride, a.bias, i, a.scratch);
    for (size_t c = 0; c < a.shape.value; ++c) {
      float sum = 0;
      for (size_t j = 0; j < keys; ++j) {
        sum += a.scratch[j] * a.v[j * a.kv_stride + c];
      }
      if (a.pre != nullptr) {
        a.pre[i * a.y_stride + c] = sum;
      }
      a.y[i * a.y_stride + c] = a.hardswish ? activate(sum) : sum;
    }
  }
}

void attention_vjp(const AttentionVjp& a) {
  const size_t keys = a.shape.side * a.shape.side;
  const size_t query_side = attention_query_side(a.shape);
  const float scale = 1.0f / std::sqrt(static_cast<float>(a.shape.key));
  float* p = a.scratch;
  float* dp = a.scratch + keys;
  for (size_t j = 0; j < keys; ++j) {
    for (size_t c = 0; c < a.shape.key; ++c) {
      a.dk[j * a.dkv_stride + c] = 0;
    }
    for (size_t c = 0; c < a.shape.value; ++c) {
      a.dv[j * a.dkv_stride + c] = 0;
    }
  }
  for (size_t i = 0; i < query_side * query_side; ++i) {
    const float* q = a.q + i * a.q_stride;
    const float* dy = a.dy + i * a.dy_stride;
    float* dq = a.dq + i * a.dq_stride;
    probabilities(a.shape, q, a.k, a.kv_stride, a.bias, i, p);
    float mean = 0;
    for (size_t j = 0; j < keys; ++j) {
      dp[j] = dot(dy, a.v + j * a.kv_stride, a.shape.value);
      mean += dp[j] * p[j];
    }
    for (size_t c = 0; c < a.shape.key; ++c) {
      dq[c] = 0;
    }
    for (size_t j = 0; j < keys; ++j) {
      const float ds = p[j] * (dp[j] - mean);
      if (a.dbias != nullptr) {
        a.dbias[bias_index(a.shape, i, j)] += ds;
      }
      for (size_t c = 0; c < a.shape.value; ++c) {
        a.dv[j * a.dkv_stride + c] += p[j] * dy[c];
      }
      for (size_t c = 0; c < a.shape.key; ++c) {
        dq[c] += ds * scale * a.k[j * a.kv_stride + c];
        a.dk[j * a.dkv_stride + c] += ds * scale * q[c];
      }
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

size_t attention_scratch_floats(const AttentionShape& shape) {
  return shape.side * shape.side;
}
size_t attention_vjp_scratch_floats(const AttentionShape& shape) {
  return 2 * shape.side * shape.side;
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
