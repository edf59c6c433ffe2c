// A tile of queries at a time: its scores against every key, their softmax and the product with v stay in L1.
//
// Measured (bench/README.md): 56 % of the FMA peak on 14 x 14 tokens, 36 % on 7 x 7, 19 % on 4 x 4, where
// exp, the padding of 49 keys to 64 and the transposition of K per head weigh more; the VJP 60 % on 14 x 14.
// In training, the biases' gradients added up row by row instead of by distance took 14 % off the VJP, and
// prefetching what the next head kept 0.8 % off a whole step.
// No difference: softmax backward on unnormalised probabilities, 16 rows by one vector for dQ, prefetching
// the rows that are written.
#include "kernels/attention.h"

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/small_matmul-inl.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {
namespace {

using namespace small;

constexpr size_t kTileQueries = 16;

// Scratch, in pieces that start on cache lines.
struct Scratch {
  float* next;
  float* take(size_t floats) {
    float* const piece = next;
    next += round_up(floats, 16);
    return piece;
  }
  Rows take_rows(size_t count, size_t stride) { return {take(count * stride), stride}; }
};

// What every tile of a head needs, made once per call.
struct Head {
  AttentionShape shape;
  size_t keys, padded;  // padded to whole vectors
  float scale;          // 1 / sqrt(key)
  ConstRows q;
  Rows k_columns;  // [key, padded]: k transposed, times scale
  float* biases;   // [query side, 2 side - 1, side]: element (x, dy, kx) is the bias at distance (dy, kx - x)
  Rows p;          // [kTileQueries, padded]: scores, then probabilities

  // Those of a query with all keys are side * side consecutive numbers, which start at dy = -y.
  const float* biases_of(size_t query) const {
    const size_t query_side = attention_query_side(shape), y = query / query_side, x = query % query_side;
    return biases + (x * (2 * shape.side - 1) + shape.side - 1 - shape.stride * y) * shape.side;
  }
};

void mirror_biases(const AttentionShape& shape, const float* bias_table, Rows mirrored, float* to) {
  const size_t side = shape.side, rows = 2 * side - 1;
  for (size_t dy = 0; dy < side; ++dy) {
    for (size_t dx = 0; dx < side; ++dx) {
      mirrored[dy][side - 1 + dx] = mirrored[dy][side - 1 - dx] = bias_table[dy * side + dx];
    }
  }
  for (size_t x = 0; x < side; x += shape.stride) {
    for (size_t i = 0; i < rows; ++i) {
      const size_t dy = i < side ? side - 1 - i : i - (side - 1);
      const float* const from = mirrored[dy] + side - 1 - x;
      // Whole vectors: what is too much is overwritten by the row that follows.
      for (size_t j = 0; j < side; j += kLanes) {
        hn::StoreU(hn::LoadU(d, from + j), d, to + j);
      }
      to += side;
    }
  }
}

void scale_row(float factor, size_t columns, float* row) {
  for (size_t j = 0; j < columns; j += kLanes) {
    hn::Store(hn::Mul(hn::Load(d, row + j), hn::Set(d, factor)), d, row + j);
  }
}

Head prepare(const AttentionShape& shape, ConstRows q, ConstRows k, const float* bias_table,
             Scratch& scratch) {
  Head head = {};
  head.shape = shape;
  head.keys = shape.side * shape.side;
  head.padded = round_up(head.keys, kLanes);
  head.scale = 1.0f / std::sqrt(static_cast<float>(shape.key));
  head.q = q;
  head.k_columns = scratch.take_rows(shape.key, head.padded);
  transpose(k, head.keys, shape.key, head.k_columns);
  for (size_t i = 0; i < shape.key; ++i) {
    scale_row(head.scale, head.padded, head.k_columns[i]);
  }
  const size_t rows = 2 * shape.side - 1;
  const Rows mirrored = scratch.take_rows(shape.side, rows + kLanes);
  head.biases = scratch.take(attention_bias_floats(shape) + kLanes);
  mirror_biases(shape, bias_table, mirrored, head.biases);
  head.p = scratch.take_rows(kTileQueries, head.padded);
  return head;
}

// Sets the padding of each row of scores to minus infinity and gives its largest score. Four rows side by
// side hide the latencies, here and in the exponentials.
template <size_t kRows = 4>
void largest_scores(size_t keys, size_t rows, Rows p, float* top) {
  const size_t last = (keys - 1) / kLanes * kLanes;
  const auto is_key = hn::FirstN(d, keys - last);
  for (; rows >= kRows; rows -= kRows) {
    V max[kRows];
    HWY_UNROLL(4)
    for (size_t r = 0; r < kRows; ++r) {
      max[r] = hn::IfThenElse(is_key, hn::Load(d, p[r] + last), hn::Set(d, -HUGE_VALF));
      hn::Store(max[r], d, p[r] + last);
    }
    for (size_t j = 0; j < last; j += kLanes) {
      HWY_UNROLL(4)
      for (size_t r = 0; r < kRows; ++r) {
        max[r] = hn::Max(max[r], hn::Load(d, p[r] + j));
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      top[r] = hn::GetLane(hn::MaxOfLanes(d, max[r]));
    }
    p.data += kRows * p.stride;
    top += kRows;
  }
  if constexpr (kRows > 1) {
    largest_scores<kRows - 1>(keys, rows, p, top);
  }
}

// p = e^(p - top), and the inverse of each row's sum.
template <size_t kRows = 4>
void exponentials(size_t columns, const float* top, size_t rows, Rows p, float* inverse_sum) {
  for (; rows >= kRows; rows -= kRows) {
    V sum[kRows], e[kRows];
    HWY_UNROLL(4)
    for (size_t r = 0; r < kRows; ++r) {
      sum[r] = hn::Zero(d);
    }
    for (size_t j = 0; j < columns; j += kLanes) {
      HWY_UNROLL(4)
      for (size_t r = 0; r < kRows; ++r) {
        e[r] = hn::Sub(hn::Load(d, p[r] + j), hn::Set(d, top[r]));
      }
      exp_lanes(d, e);
      HWY_UNROLL(4)
      for (size_t r = 0; r < kRows; ++r) {
        hn::Store(e[r], d, p[r] + j);
        sum[r] = hn::Add(sum[r], e[r]);
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      inverse_sum[r] = 1.0f / hn::GetLane(hn::SumOfLanes(d, sum[r]));
    }
    top += kRows;
    p.data += kRows * p.stride;
    inverse_sum += kRows;
  }
  if constexpr (kRows > 1) {
    exponentials<kRows - 1>(columns, top, rows, p, inverse_sum);
  }
}

// head.p = softmax of the scores of `rows` queries, without the factors 1 / sum, which go to inverse_sum.
void softmax_tile(const Head& head, size_t query, size_t rows, float* inverse_sum) {
  const float* bias[kTileQueries];
  for (size_t r = 0; r < rows; ++r) {
    bias[r] = head.biases_of(query + r);
  }
  float top[kTileQueries];
  multiply(rows, {head.q[query], head.q.stride}, head.k_columns, head.shape.key, head.padded, bias, head.p);
  largest_scores(head.keys, rows, head.p, top);
  exponentials(head.padded, top, rows, head.p, inverse_sum);
}

// The rows themselves where they are whole vectors, else a copy that is.
ConstRows whole_rows(ConstRows rows, size_t count, size_t width, Scratch& scratch) {
  if (width % kLanes == 0) {
    return rows;
  }
  const Rows copy = scratch.take_rows(count, round_up(width, kLanes));
  pack_rows(rows, count, width, copy);
  return copy;
}

// p = p / sum of the row, and dp = p * (dp - sum over j of p[j] dp[j]): the gradient to the scores.
void softmax_backward(size_t columns, float inverse_sum, float* p, float* dp) {
  const V factor = hn::Set(d, inverse_sum);
  V dot = hn::Zero(d);
  for (size_t j = 0; j < columns; j += kLanes) {
    const V probability = hn::Mul(hn::Load(d, p + j), factor);
    hn::Store(probability, d, p + j);
    dot = hn::MulAdd(probability, hn::Load(d, dp + j), dot);
  }
  dot = hn::SumOfLanes(d, dot);
  for (size_t j = 0; j < columns; j += kLanes) {
    hn::Store(hn::Mul(hn::Load(d, p + j), hn::Sub(hn::Load(d, dp + j), dot)), d, dp + j);
  }
}

// The gradient ds to one query's scores, added to that of the biases as Head lays them.
void add_bias_gradient(const Head& head, size_t query, const float* ds, float* dbiases) {
  float* const sum = dbiases + (head.biases_of(query) - head.biases);
  for_each_vector(head.keys, [&](auto tag, size_t j) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(tag, sum + j), hn::LoadU(tag, ds + j)), tag, sum + j);
  });
}

// dbias_table += the gradient of what mirror_biases() makes of the table.
void fold_bias_gradient(const AttentionShape& shape, const float* dbiases, float* dbias_table) {
  const size_t side = shape.side;
  for (size_t x = 0; x < side; x += shape.stride) {
    for (size_t i = 0; i < 2 * side - 1; ++i) {
      float* const row = dbias_table + (i < side ? side - 1 - i : i - (side - 1)) * side;
      for (size_t kx = 0; kx < side; ++kx) {
        row[kx < x ? x - kx : kx - x] += *dbiases++;
      }
    }
  }
}

// A row of whole cache lines past the caches if it `streams`, else as copy_row() does.
void keep_row(const float* from, size_t count, float* to, bool streams) {
  if (!streams) {
    copy_row(from, count, to);
    return;
  }
  for (size_t i = 0; i < count; i += kLanes) {
    hn::Stream(hn::Load(d, from + i), d, to + i);
  }
}

}  // namespace

void attention(const Attention& a) {
  check(a);
  Scratch scratch{a.scratch};
  const Head head = prepare(a.shape, a.q, a.k, a.bias_table, scratch);
  const ConstRows v = whole_rows(a.v, head.keys, a.shape.value, scratch);
  const Rows out = scratch.take_rows(kTileQueries, round_up(a.shape.value, kLanes));
  // Only training keeps values for longer than a cache does.
  const bool streams = kTrains && a.streams && a.shape.value % kPanelWidth == 0 &&
                       a.pre.stride % kPanelWidth == 0 && is_aligned(a.pre.data, kPanelWidth * sizeof(float));
  for (size_t query = a.query_begin, rows; query < a.query_end; query += rows) {
    rows = even_part(a.query_end - query, kTileQueries);
    float inverse_sum[kTileQueries];
    softmax_tile(head, query, rows, inverse_sum);
    multiply(rows, head.p, v, head.keys, out.stride, nullptr, out);
    for (size_t r = 0; r < rows; ++r) {
      scale_row(inverse_sum[r], out.stride, out[r]);
      if (kGradients && a.pre.data != nullptr) {
        keep_row(out[r], a.shape.value, a.pre[query + r], streams);
      }
      for (size_t i = 0; a.hardswish && i < out.stride; i += kLanes) {
        hn::Store(hardswish(d, hn::Load(d, out[r] + i)), d, out[r] + i);
      }
      copy_row(out[r], a.shape.value, a.y[query + r]);
    }
  }
  if (streams) {
    hwy::FlushStream();  // before another thread may be told
  }
}

namespace {

// The rows behind those of a head: of the next head, or of the next picture, which a forward pass kept so
// long ago that no cache has them.
void prefetch_behind(ConstRows rows, size_t begin, size_t end, size_t width) {
  for (size_t m = begin; m < end; ++m) {
    for (size_t i = 0; i < width; i += kPanelWidth) {
      prefetch(rows.data, m * rows.stride + i);
    }
  }
}

}  // namespace

// With P the probabilities and dS the gradient to the scores: dP = dY V^T, dS = P (dP - rowsum(dP P)),
// dQ = dS K scale, dK = dS^T Q scale, dV = P^T dY.
void attention_vjp(const AttentionVjp& a) {
  check(a);
  const size_t key = a.shape.key, value = a.shape.value;
  const size_t whole_key = round_up(key, kLanes), whole_value = round_up(value, kLanes);
  Scratch scratch{a.scratch};
  const Head head = prepare(a.shape, a.q, a.k, a.bias_table, scratch);
  const ConstRows k = whole_rows(a.k, head.keys, key, scratch);
  const Rows v_columns = scratch.take_rows(value, head.padded);
  transpose(a.v, head.keys, value, v_columns);
  const Rows q = scratch.take_rows(kTileQueries, whole_key), dq = scratch.take_rows(kTileQueries, whole_key);
  const Rows dy = scratch.take_rows(kTileQueries, whole_value),
             ds = scratch.take_rows(kTileQueries, head.padded);
  const Rows dk = scratch.take_rows(head.keys, whole_key), dv = scratch.take_rows(head.keys, whole_value);
  pack_rows(dk, head.keys, 0, dk);
  pack_rows(dv, head.keys, 0, dv);
  float* const dbiases = scratch.next;  // as head.biases
  if (a.dbias_table != nullptr) {
    for (size_t i = 0; i < attention_bias_floats(a.shape); i += kLanes) {
      hn::Store(hn::Zero(d), d, dbiases + i);
    }
  }
  const size_t queries = attention_query_side(a.shape) * attention_query_side(a.shape);
  for (size_t query = 0, rows; query < queries; query += rows) {
    rows = even_part(queries - query, kTileQueries);
    const size_t behind = head.keys + head.keys * query / queries;  // as much as these queries are of all
    const size_t end = head.keys + head.keys * (query + rows) / queries;
    prefetch_behind(a.q, queries + query, queries + query + rows, key);
    prefetch_behind(a.k, behind, end, key);
    prefetch_behind(a.v, behind, end, value);
    float inverse_sum[kTileQueries];
    softmax_tile(head, query, rows, inverse_sum);
    pack_rows({a.q[query], a.q.stride}, rows, key, q);
    pack_rows({a.dy[query], a.dy.stride}, rows, value, dy);
    multiply(rows, dy, v_columns, value, head.padded, nullptr, ds);
    for (size_t r = 0; r < rows; ++r) {
      softmax_backward(head.padded, inverse_sum[r], head.p[r], ds[r]);
    }
    multiply(rows, ds, k, head.keys, whole_key, nullptr, dq);
    add_transposed(rows, ds, q, head.keys, whole_key, dk);
    add_transposed(rows, head.p, dy, head.keys, whole_value, dv);
    for (size_t r = 0; r < rows; ++r) {
      scale_row(head.scale, whole_key, dq[r]);
      copy_row(dq[r], key, a.dq[query + r]);
      if (a.dbias_table != nullptr) {
        add_bias_gradient(head, query + r, ds[r], dbiases);
      }
    }
  }
  if (a.dbias_table != nullptr) {
    fold_bias_gradient(a.shape, dbiases, a.dbias_table);
  }
  for (size_t j = 0; j < head.keys; ++j) {
    scale_row(head.scale, whole_key, dk[j]);
    copy_row(dk[j], key, a.dk[j]);
    copy_row(dv[j], value, a.dv[j]);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

namespace {

using HWY_NAMESPACE::kTileQueries;

// Sizes serve every target: rows are padded to the longest vector, of 16 floats.
constexpr size_t whole(size_t count) {
  return round_up(count, kPanelWidth);
}

// What prepare() takes.
size_t head_floats(const AttentionShape& s) {
  const size_t keys = whole(s.side * s.side), rows = 2 * s.side - 1;
  return s.key * keys + whole(s.side * (rows + 16)) + attention_bias_floats(s) + kPanelWidth +
         kTileQueries * keys;
}

}  // namespace

size_t attention_scratch_floats(const AttentionShape& shape) {
  return head_floats(shape) + (shape.side * shape.side + kTileQueries) * whole(shape.value);
}

size_t attention_vjp_scratch_floats(const AttentionShape& shape) {
  const size_t keys = shape.side * shape.side, key = whole(shape.key), value = whole(shape.value);
  return head_floats(shape) + (shape.value + kTileQueries) * whole(keys) + keys * (2 * key + value) +
         kTileQueries * (2 * key + value);
}

}  // namespace levit::kernels
#endif
