// A tile of queries at a time: its scores against every key, their softmax and the product with v stay in L1.
//
// The VJP keeps the probabilities of all queries and their gradient (326 KB on 14 x 14 tokens, in L2).
//
// Measured (bench/README.md): 60 % of the FMA peak on 14 x 14 tokens, 42 % on 7 x 7, 24 % on 4 x 4, where
// exp, the padding of 49 keys to 64 and the transposition of K per head weigh more; the VJP 62, 45 and 28 %,
// where dK and dV summed over all queries in registers and biases' gradients summed by distance took 6 to 9 %
// off. In training, prefetching what the next head kept takes 20 % off the VJP in stage 1, and the rows that
// are written 15 % in stage 2, where they come from memory; past the caches they cost the GEMM behind five
// times what they save here.
// No difference: 16 rows by one vector for dQ, eight exponentials at a time or a clamp less, four k unrolled,
// transposing by 128 bits from memory, prefetching y and dy. Slower: biases' gradients summed in L1.
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

// The biases of each x of a query at every distance (dy, kx - x), in whole cache lines.
constexpr size_t bias_floats(const AttentionShape& s) {
  return round_up(attention_query_side(s) * (2 * s.side - 1) * s.side, kPanelWidth);
}

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
  head.biases = scratch.take(bias_floats(shape) + kLanes);
  mirror_biases(shape, bias_table, mirrored, head.biases);
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

// p = softmax of the scores of `rows` queries, without the factors 1 / sum, which go to inverse_sum.
void softmax_tile(const Head& head, size_t query, size_t rows, Rows p, float* inverse_sum) {
  const float* bias[kTileQueries];
  for (size_t r = 0; r < rows; ++r) {
    bias[r] = head.biases_of(query + r);
  }
  float top[kTileQueries];
  multiply(rows, {{head.q[query], head.q.stride}, head.k_columns, head.shape.key, head.padded, bias, p});
  largest_scores(head.keys, rows, p, top);
  exponentials(head.padded, top, rows, p, inverse_sum);
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

// p = p / sum of the row, and ds = p * (ds - sum over j of p[j] ds[j]): the gradient to the scores. In this
// order, what keys with the same score leave cancels exactly, most often; with the factor elsewhere, or row
// sums from y (FlashAttention's), rounding errors times keys of 1e10 made 1e36 of a gradient of 500.
void softmax_backward(size_t columns, float inverse_sum, float* p, float* ds) {
  const V factor = hn::Set(d, inverse_sum);
  V dot = hn::Zero(d);
  for (size_t j = 0; j < columns; j += kLanes) {
    const V probability = hn::Mul(hn::Load(d, p + j), factor);
    hn::Store(probability, d, p + j);
    dot = hn::MulAdd(probability, hn::Load(d, ds + j), dot);
  }
  dot = hn::SumOfLanes(d, dot);
  for (size_t j = 0; j < columns; j += kLanes) {
    hn::Store(hn::Mul(hn::Load(d, p + j), hn::Sub(hn::Load(d, ds + j), dot)), d, ds + j);
  }
}

// grid [2 side - 1, 2 side - 1] = the gradient of the biases at every distance (ky - y, kx - x): the sums of
// ds [queries, keys]. One x after the other, since a sum that was just stored one number further left would
// have to wait in the store queue.
void sum_by_distance(const AttentionShape& shape, ConstRows ds, Rows grid) {
  const size_t side = shape.side, query_side = attention_query_side(shape), rows = 2 * side - 1;
  const auto query_rows = [&](size_t key_rows) {
    return shape.stride == 1 ? key_rows : divide_up(key_rows, 2);
  };
  pack_rows(grid, rows, 0, grid);
  for (size_t x = 0; x < query_side; ++x) {
    for (size_t i = 0; i < rows; ++i) {
      // Queries y with a key at y + i - (side - 1), whose distance it is.
      const size_t begin = i < side ? query_rows(side - 1 - i) : 0;
      const size_t end = i < side ? query_side : query_rows(rows - i);
      for (size_t j = 0; j < side; j += kLanes) {
        V sum = hn::Zero(d);
        for (size_t y = begin; y < end; ++y) {
          const size_t ky = y * shape.stride + i - (side - 1);
          sum = hn::Add(sum, hn::LoadU(d, ds[y * query_side + x] + ky * side + j));
        }
        float* const to = grid[i] + side - 1 - x * shape.stride + j;
        sum = hn::IfThenElseZero(hn::FirstN(d, side - j), sum);
        hn::StoreU(hn::Add(hn::LoadU(d, to), sum), d, to);
      }
    }
  }
}

// dbias_table += the gradient of what mirror_biases() makes of the table.
void fold_bias_gradient(size_t side, ConstRows grid, float* dbias_table) {
  for (size_t i = 0; i < 2 * side - 1; ++i) {
    float* const row = dbias_table + (i < side ? side - 1 - i : i - (side - 1)) * side;
    const float* const middle = grid[i] + side - 1;
    row[0] += middle[0];
    for (size_t dx = 1; dx < side; ++dx) {
      row[dx] += middle[dx] + *(middle - dx);
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
  const Rows p = scratch.take_rows(kTileQueries, head.padded);  // scores, then probabilities
  const Rows out = scratch.take_rows(kTileQueries, round_up(a.shape.value, kLanes));
  // Only training keeps values for longer than a cache does.
  const bool streams = kTrains && a.streams && a.shape.value % kPanelWidth == 0 &&
                       a.pre.stride % kPanelWidth == 0 && is_aligned(a.pre.data, kPanelWidth * sizeof(float));
  for (size_t query = a.query_begin, rows; query < a.query_end; query += rows) {
    rows = even_part(a.query_end - query, kTileQueries);
    float inverse_sum[kTileQueries];
    softmax_tile(head, query, rows, p, inverse_sum);
    multiply(rows, {p, v, head.keys, out.stride, nullptr, out});
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

// The product, of which c holds `width` columns.
void multiply_whole_rows(size_t rows, TransposedProduct product, size_t width, Scratch scratch) {
  if (width == product.columns) {
    return multiply_transposed(rows, product);
  }
  const Rows c = product.c;
  product.c = scratch.take_rows(rows, product.columns);
  multiply_transposed(rows, product);
  for (size_t r = 0; r < rows; ++r) {
    copy_row(product.c[r], width, c[r]);
  }
}

// Rows behind those of a head: of the next head, or of the next picture, which a forward pass kept so long
// ago that no cache has them. Inlined, since gcc drops calls of a function that only prefetches.
HWY_INLINE void prefetch_rows(ConstRows rows, size_t begin, size_t end, size_t width) {
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
  const size_t queries = attention_query_side(a.shape) * attention_query_side(a.shape);
  Scratch scratch{a.scratch};
  const Head head = prepare(a.shape, a.q, a.k, a.bias_table, scratch);
  const ConstRows q = whole_rows(a.q, queries, key, scratch);
  const ConstRows k = whole_rows(a.k, head.keys, key, scratch);
  const Rows v_columns = scratch.take_rows(value, head.padded);
  transpose(a.v, head.keys, value, v_columns);
  const Rows dy = scratch.take_rows(queries, whole_value), dq = scratch.take_rows(kTileQueries, whole_key);
  const Rows p = scratch.take_rows(queries, head.padded), ds = scratch.take_rows(queries, head.padded);
  for (size_t query = 0, rows; query < queries; query += rows) {
    rows = even_part(queries - query, kTileQueries);
    // As much as these queries are of all, some in front of each product: a burst would fill the queue of
    // loads.
    const size_t behind = head.keys + head.keys * query / queries;
    const size_t end = head.keys + head.keys * (query + rows) / queries;
    prefetch_rows(a.q, queries + query, queries + query + rows, key);
    prefetch_rows(a.k, behind, end, key);
    const Rows p_tile{p[query], p.stride}, dy_tile{dy[query], dy.stride}, ds_tile{ds[query], ds.stride};
    float inverse_sum[kTileQueries];
    softmax_tile(head, query, rows, p_tile, inverse_sum);
    prefetch_rows(a.v, behind, end, value);
    pack_rows({a.dy[query], a.dy.stride}, rows, value, dy_tile);
    multiply(rows, {dy_tile, v_columns, value, head.padded, nullptr, ds_tile});
    for (size_t r = 0; r < rows; ++r) {
      softmax_backward(head.padded, inverse_sum[r], p_tile[r], ds_tile[r]);
    }
    prefetch_rows({a.dk.data, a.dk.stride}, behind - head.keys, end - head.keys, key);
    prefetch_rows({a.dv.data, a.dv.stride}, behind - head.keys, end - head.keys, value);
    multiply(rows, {ds_tile, k, head.keys, whole_key, nullptr, dq});
    for (size_t r = 0; r < rows; ++r) {
      scale_row(head.scale, whole_key, dq[r]);
      copy_row(dq[r], key, a.dq[query + r]);
    }
  }
  multiply_whole_rows(head.keys, {ds, q, queries, whole_key, head.scale, a.dk}, key, scratch);
  multiply_whole_rows(head.keys, {p, dy, queries, whole_value, 1, a.dv}, value, scratch);
  if (a.dbias_table != nullptr) {
    const Rows grid =
        scratch.take_rows(2 * a.shape.side - 1, round_up(2 * a.shape.side - 1 + kLanes, kLanes));
    sum_by_distance(a.shape, ds, grid);
    fold_bias_gradient(a.shape.side, grid, a.dbias_table);
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

namespace {

using HWY_NAMESPACE::bias_floats;
using HWY_NAMESPACE::kTileQueries;

// Sizes serve every target: rows are padded to the longest vector, of 16 floats.
constexpr size_t whole(size_t count) {
  return round_up(count, kPanelWidth);
}

// What prepare() takes.
size_t head_floats(const AttentionShape& s) {
  const size_t keys = whole(s.side * s.side), rows = 2 * s.side - 1;
  return s.key * keys + whole(s.side * (rows + 16)) + bias_floats(s) + kPanelWidth;
}

// What whole_rows() takes.
size_t copy_floats(size_t count, size_t width) {
  return width % kPanelWidth == 0 ? 0 : count * whole(width);
}

}  // namespace

size_t attention_scratch_floats(const AttentionShape& s) {
  const size_t keys = s.side * s.side;
  return head_floats(s) + copy_floats(keys, s.value) + kTileQueries * (whole(keys) + whole(s.value));
}

size_t attention_vjp_scratch_floats(const AttentionShape& s) {
  const size_t keys = s.side * s.side, queries = attention_query_side(s) * attention_query_side(s);
  const size_t rows = 2 * s.side - 1;
  return head_floats(s) + copy_floats(queries, s.key) + copy_floats(keys, s.key) +
         (s.value + 2 * queries) * whole(keys) + queries * whole(s.value) + kTileQueries * whole(s.key) +
         HWY_MAX(HWY_MAX(copy_floats(keys, s.key), copy_floats(keys, s.value)),
                 rows * whole(rows + kPanelWidth));
}

}  // namespace levit::kernels
#endif
