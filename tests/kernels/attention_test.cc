// Attention and its VJP against the reference in double, with bounds on the rounding derived from the shapes,
// and against the goldens.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "doctest/doctest.h"
#include "kernels/reference.h"
#include "tests/kernels/support.h"
#include "tests/support/npy.h"

namespace levit::kernels {
namespace {

using tests::Complex;
using tests::Guarded;
using tests::kRounding;

// Odd and even sides, both strides, widths around every vector length; then the network's own.
std::vector<AttentionShape> small_shapes() {
  return {{1, 1, 1, 1},  {2, 1, 3, 5},  {3, 1, 4, 8},   {3, 2, 5, 3},   {4, 2, 8, 16},
          {5, 1, 8, 17}, {5, 2, 16, 4}, {4, 1, 17, 33}, {6, 2, 12, 20}, {1, 2, 16, 31}};
}
std::vector<AttentionShape> network_shapes() {
  return {{14, 1, 16, 32},  {14, 2, 16, 64}, {7, 1, 16, 32}, {7, 2, 16, 64}, {4, 1, 16, 32},
          {14, 2, 32, 128}, {7, 1, 32, 64},  {14, 1, 8, 16}, {7, 2, 8, 32}};
}

size_t query_count(const AttentionShape& s) {
  return attention_query_side(s) * attention_query_side(s);
}
size_t key_count(const AttentionShape& s) {
  return s.side * s.side;
}

// Rows [count, width] at a stride, behind which nothing may be touched.
Guarded<float> spread(const std::vector<float>& rows, size_t width, size_t stride) {
  const size_t count = rows.size() / width;
  Guarded<float> out((count - 1) * stride + width);
  std::fill(out.begin(), out.end(), NAN);
  for (size_t i = 0; i < count; ++i) {
    std::copy_n(rows.data() + i * width, width, out.data() + i * stride);
  }
  return out;
}

std::vector<float> gathered(const float* data, size_t count, size_t width, size_t stride) {
  std::vector<float> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.insert(rows.end(), data + i * stride, data + i * stride + width);
  }
  return rows;
}

// One head; k, v, their gradients and the queries' rows lie at strides wider than themselves.
struct Fixture {
  explicit Fixture(const AttentionShape& shape)
      : s(shape),
        queries(query_count(s)),
        keys(key_count(s)),
        q(tests::seeded("attention.q", queries * s.key, 2)),
        k(tests::seeded("attention.k", keys * s.key, 2)),
        v(tests::seeded("attention.v", keys * s.value, 4)),
        bias(tests::seeded("attention.bias", keys, 3)),
        dy(tests::seeded("attention.dy", queries * s.value)),
        q_rows(spread(q, s.key, s.key + 3)),
        k_rows(spread(k, s.key, s.key + s.value)),
        v_rows(spread(v, s.value, s.key + s.value)),
        dy_rows(spread(dy, s.value, s.value + 5)),
        bias_table(bias),
        y(y_floats()),
        pre(y_floats()),
        scratch(attention_scratch_floats(s)) {}

  size_t y_floats() const { return (queries - 1) * (s.value + 5) + s.value; }

  Attention attention() const {
    std::fill(y.begin(), y.end(), NAN);
    std::fill(pre.begin(), pre.end(), NAN);
    std::fill(scratch.begin(), scratch.end(), NAN);
    Attention a = {};
    a.shape = s;
    a.q = {q_rows.data(), s.key + 3};
    a.k = {k_rows.data(), s.key + s.value};
    a.v = {v_rows.data(), s.key + s.value};
    a.bias_table = bias_table.data();
    a.y = {y.data(), s.value + 5};
    a.query_end = queries;
    a.scratch = scratch.data();
    return a;
  }

  std::vector<float> rows_of_y(const Guarded<float>& from) const {
    return gathered(from.data(), queries, s.value, s.value + 5);
  }

  AttentionShape s;
  size_t queries, keys;
  std::vector<float> q, k, v, bias, dy;
  Guarded<float> q_rows, k_rows, v_rows, dy_rows, bias_table, y, pre, scratch;
};

// The reference in double, with what the bounds on rounding need.
struct Exact {
  explicit Exact(const Fixture& f)
      : y(f.queries * f.s.value), probability(f.queries * f.keys), relative(f.queries) {
    const auto q = tests::converted<double>(f.q), k = tests::converted<double>(f.k);
    const auto v = tests::converted<double>(f.v), bias = tests::converted<double>(f.bias);
    std::vector<double> p(f.keys);
    reference::attention(f.s, q.data(), k.data(), v.data(), bias.data(), p.data(), y.data());
    // With v the identity, the output is the probabilities.
    AttentionShape identity = f.s;
    identity.value = f.keys;
    std::vector<double> eye(f.keys * f.keys);
    for (size_t j = 0; j < f.keys; ++j) {
      eye[j * f.keys + j] = 1;
    }
    reference::attention(identity, q.data(), k.data(), eye.data(), bias.data(), p.data(), probability.data());
    // A score is a sum of key products and a bias, each product and addition rounded, and 1 / sqrt(key) twice
    // more: off by (2 key + 4) roundings of its absolute value M. An exponential moves by that for itself and
    // for the largest score, by the rounding of their distance (at most 2 M), and by its own 2 ulp; it is
    // divided by a sum of such numbers.
    for (size_t i = 0; i < f.queries; ++i) {
      double largest = 0;
      for (size_t j = 0; j < f.keys; ++j) {
        double score = 3;  // |bias|
        for (size_t c = 0; c < f.s.key; ++c) {
          score +=
              std::abs(q[i * f.s.key + c] * k[j * f.s.key + c]) / std::sqrt(static_cast<double>(f.s.key));
        }
        largest = std::max(largest, score);
      }
      const double exponential = 2 * (2 * static_cast<double>(f.s.key) + 5) * largest + 4;
      relative[i] = (2 * exponential + static_cast<double>(f.keys) + 4) * kRounding;
    }
  }

  std::vector<double> y;            // [queries, value]
  std::vector<double> probability;  // [queries, keys]
  std::vector<double> relative;     // [queries]: relative error of a float32 probability
};

// sum over j of p[i][j] |v[j][c]|, times its error: the probabilities' and two roundings for each term. The
// slope of hardswish is at most 1.5.
std::vector<double> forward_tolerance(const Fixture& f, const Exact& e) {
  std::vector<double> bound;
  for (size_t i = 0; i < f.queries; ++i) {
    for (size_t c = 0; c < f.s.value; ++c) {
      double sum = 0;
      for (size_t j = 0; j < f.keys; ++j) {
        sum += e.probability[i * f.keys + j] * std::abs(static_cast<double>(f.v[j * f.s.value + c]));
      }
      bound.push_back(1.5 * sum * (e.relative[i] + (2 * static_cast<double>(f.keys) + 6) * kRounding));
    }
  }
  return bound;
}

TEST_CASE("attention: every target gives the reference's output and touches nothing behind its arrays") {
  std::vector<AttentionShape> list = small_shapes();
  const std::vector<AttentionShape> network = network_shapes();
  list.insert(list.end(), network.begin(), network.end());
  for (const AttentionShape& s : list) {
    CAPTURE(s.side);
    CAPTURE(s.stride);
    CAPTURE(s.key);
    CAPTURE(s.value);
    const Fixture f(s);
    const Exact e(f);
    const std::vector<double> bound = forward_tolerance(f, e);
    std::vector<double> activated = e.y;
    for (double& value : activated) {
      value = reference::hardswish(value);
    }
    tests::for_each_target([&](const Dispatch& kernels) {
      Attention a = f.attention();
      kernels.attention(a);
      tests::check_close(f.rows_of_y(f.y).data(), e.y, bound);
      a = f.attention();
      a.pre = {f.pre.data(), s.value + 5};
      a.hardswish = true;
      kernels.attention(a);
      tests::check_close(f.rows_of_y(f.pre).data(), e.y, bound);
      tests::check_close(f.rows_of_y(f.y).data(), activated, bound);
      // Between the rows nothing is written.
      for (size_t i = 0; i + 1 < f.queries; ++i) {
        for (size_t c = s.value; c < s.value + 5; ++c) {
          REQUIRE(std::isnan(f.y[i * (s.value + 5) + c]));
        }
      }
    });
  }
}

TEST_CASE("attention: values before hardswish are the same past the caches, wherever they lie") {
  for (const AttentionShape& s : {AttentionShape{5, 1, 8, 17}, AttentionShape{7, 1, 16, 32}}) {
    const Fixture f(s);
    for (const size_t stride : {size_t{48}, size_t{49}}) {
      alignas(64) float pre[2][49 * 49 + 1];
      for (const size_t at : {size_t{0}, size_t{1}}) {
        tests::for_each_target([&](const Dispatch& kernels) {
          for (const bool streams : {false, true}) {
            std::fill(std::begin(pre[streams]), std::end(pre[streams]), -100.0f);
            Attention a = f.attention();
            a.hardswish = true;
            a.pre = {pre[streams] + at, stride};
            a.streams = streams;
            kernels.attention(a);
          }
          CHECK(std::equal(std::begin(pre[0]), std::end(pre[0]), pre[1]));
          CHECK(pre[0][at] != -100);
        });
      }
    }
  }
}

TEST_CASE("attention: cutting the queries anywhere changes no bit, and no other query is written") {
  for (const AttentionShape& s : {AttentionShape{5, 1, 8, 17}, AttentionShape{7, 1, 16, 32},
                                  AttentionShape{9, 2, 16, 64}, AttentionShape{3, 2, 5, 3}}) {
    const Fixture f(s);
    tests::for_each_target([&](const Dispatch& kernels) {
      Attention a = f.attention();
      a.hardswish = true;
      kernels.attention(a);
      const std::vector<float> whole = f.rows_of_y(f.y);
      for (size_t cut = 0; cut <= f.queries; ++cut) {
        CAPTURE(cut);
        a = f.attention();
        a.hardswish = true;
        a.query_end = cut;
        kernels.attention(a);
        std::vector<float> part = f.rows_of_y(f.y);
        REQUIRE(
            std::equal(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(cut * s.value), part.begin()));
        REQUIRE(std::all_of(part.begin() + static_cast<ptrdiff_t>(cut * s.value), part.end(),
                            [](float value) { return std::isnan(value); }));
        a.query_begin = cut;
        a.query_end = f.queries;
        kernels.attention(a);
        REQUIRE(f.rows_of_y(f.y) == whole);
      }
    });
  }
}

TEST_CASE("attention: scores far apart and far from zero give no NaN") {
  const AttentionShape s = {4, 1, 8, 16};
  Fixture f(s);
  for (const float scale : {1e4f, 1e18f, -1e4f}) {
    CAPTURE(scale);
    for (size_t i = 0; i < f.bias_table.size(); ++i) {
      f.bias_table[i] = f.bias[i] * scale;
    }
    tests::for_each_target([&](const Dispatch& kernels) {
      kernels.attention(f.attention());
      // Every output is a mean of v.
      for (const float value : f.rows_of_y(f.y)) {
        REQUIRE(std::abs(value) <= 4.001f);
      }
    });
  }
}

struct Gradients {
  std::vector<double> dq, dk, dv, dbias;
};

// <dy, attention> differentiated at every element of q, k, v and bias.
Gradients complex_gradients(const Fixture& f) {
  std::vector<Complex> q = tests::to_complex(f.q), k = tests::to_complex(f.k), v = tests::to_complex(f.v),
                       bias = tests::to_complex(f.bias), p(f.keys);
  const auto gradient = [&](const std::vector<float>& at, std::vector<Complex>& moved) {
    return tests::complex_step(at, f.dy, [&](const std::vector<Complex>& x) {
      moved = x;
      std::vector<Complex> y(f.queries * f.s.value);
      reference::attention(f.s, q.data(), k.data(), v.data(), bias.data(), p.data(), y.data());
      return y;
    });
  };
  Gradients g;
  g.dq = gradient(f.q, q);
  q = tests::to_complex(f.q);
  g.dk = gradient(f.k, k);
  k = tests::to_complex(f.k);
  g.dv = gradient(f.v, v);
  v = tests::to_complex(f.v);
  g.dbias = gradient(f.bias, bias);
  return g;
}

// Bounds on the rounding of the VJP. Let A = max over j of sum over c |dy[i][c] v[j][c]|: |dP| and its mean
// are at most A, so |dS| <= 2 P A, and dS is off by P A times
//   3 relative + (4 value + 2 keys + 8) roundings:
// the probabilities' error in the factor and in the mean, the products' in dP and its mean. Each gradient is
// a sum of such terms, with two roundings more for each.
Gradients gradient_tolerances(const Fixture& f, const Exact& e) {
  Gradients bound;
  bound.dq.resize(f.q.size());
  bound.dk.resize(f.k.size());
  bound.dv.resize(f.v.size());
  bound.dbias.resize(f.bias.size());
  const double scale = 1 / std::sqrt(static_cast<double>(f.s.key));
  const double keys = static_cast<double>(f.keys), queries = static_cast<double>(f.queries);
  for (size_t i = 0; i < f.queries; ++i) {
    double largest = 0;
    for (size_t j = 0; j < f.keys; ++j) {
      double sum = 0;
      for (size_t c = 0; c < f.s.value; ++c) {
        sum += std::abs(static_cast<double>(f.dy[i * f.s.value + c]) *
                        static_cast<double>(f.v[j * f.s.value + c]));
      }
      largest = std::max(largest, sum);
    }
    const double own = 3 * e.relative[i] + (4 * static_cast<double>(f.s.value) + 2 * keys + 8) * kRounding;
    for (size_t j = 0; j < f.keys; ++j) {
      const double p = e.probability[i * f.keys + j];
      const double ds = p * largest;
      for (size_t c = 0; c < f.s.key; ++c) {
        bound.dq[i * f.s.key + c] += scale * ds * (own + 2 * (2 * keys + 3) * kRounding) *
                                     std::abs(static_cast<double>(f.k[j * f.s.key + c]));
        bound.dk[j * f.s.key + c] += scale * ds * (own + 2 * (2 * queries + 3) * kRounding) *
                                     std::abs(static_cast<double>(f.q[i * f.s.key + c]));
      }
      for (size_t c = 0; c < f.s.value; ++c) {
        bound.dv[j * f.s.value + c] += p * (e.relative[i] + (2 * queries + 2) * kRounding) *
                                       std::abs(static_cast<double>(f.dy[i * f.s.value + c]));
      }
      // A cell of the table has at most four keys for each query.
      const size_t y = f.s.stride * (i / attention_query_side(f.s));
      const size_t x = f.s.stride * (i % attention_query_side(f.s));
      const auto distance = [](size_t a, size_t b) { return a > b ? a - b : b - a; };
      bound.dbias[distance(y, j / f.s.side) * f.s.side + distance(x, j % f.s.side)] +=
          ds * (own + 2 * (4 * queries + 2) * kRounding);
    }
  }
  return bound;
}

TEST_CASE(
    "attention_vjp: every target gives the complex-step gradients and touches nothing behind its arrays") {
  for (const AttentionShape& s : small_shapes()) {
    CAPTURE(s.side);
    CAPTURE(s.stride);
    CAPTURE(s.key);
    CAPTURE(s.value);
    const Fixture f(s);
    const Gradients expected = complex_gradients(f);
    const Gradients bound = gradient_tolerances(f, Exact(f));
    const size_t kv_stride = s.key + s.value, q_stride = s.key + 3;
    tests::for_each_target([&](const Dispatch& kernels) {
      for (const bool with_bias : {false, true}) {
        const Guarded<float> dq((f.queries - 1) * q_stride + s.key), dk((f.keys - 1) * kv_stride + s.key);
        const Guarded<float> dv((f.keys - 1) * kv_stride + s.value), dbias(f.keys);
        const Guarded<float> scratch(attention_vjp_scratch_floats(s));
        for (const Guarded<float>* each : {&dq, &dk, &dv, &scratch}) {
          std::fill(each->begin(), each->end(), NAN);
        }
        std::fill(dbias.begin(), dbias.end(), 0.5f);  // added to
        AttentionVjp a = {};
        a.shape = s;
        a.q = {f.q_rows.data(), q_stride};
        a.k = {f.k_rows.data(), kv_stride};
        a.v = {f.v_rows.data(), kv_stride};
        a.bias_table = f.bias_table.data();
        a.dy = {f.dy_rows.data(), s.value + 5};
        a.dq = {dq.data(), q_stride};
        a.dk = {dk.data(), kv_stride};
        a.dv = {dv.data(), kv_stride};
        a.dbias_table = with_bias ? dbias.data() : nullptr;
        a.scratch = scratch.data();
        kernels.attention_vjp(a);
        tests::check_close(gathered(dq.data(), f.queries, s.key, q_stride).data(), expected.dq, bound.dq);
        tests::check_close(gathered(dk.data(), f.keys, s.key, kv_stride).data(), expected.dk, bound.dk);
        tests::check_close(gathered(dv.data(), f.keys, s.value, kv_stride).data(), expected.dv, bound.dv);
        std::vector<double> sum = expected.dbias, tolerance = bound.dbias;
        for (size_t i = 0; i < sum.size(); ++i) {
          sum[i] = with_bias ? sum[i] + 0.5 : 0.5;
          tolerance[i] = with_bias ? tolerance[i] + 4 * static_cast<double>(f.queries) * kRounding : 0;
        }
        tests::check_close(dbias.data(), sum, tolerance);
      }
    });
  }
}

// A golden case: the heads of one picture, side by side in the features of a token.
struct Golden {
  const char* name;
  AttentionShape shape;
  size_t heads;
  double scale;  // of q, k and v
};

void check_golden(const Dispatch& kernels, const Golden& g) {
  const AttentionShape& s = g.shape;
  const std::string name = std::string("kernel.") + g.name, folder = std::string("kernel/") + g.name + "/";
  const bool block = s.stride == 1;
  const size_t queries = query_count(s), keys = key_count(s), y_stride = g.heads * s.value;
  const size_t head_width = (block ? 2 : 1) * s.key + s.value, kv_stride = g.heads * head_width;
  const size_t q_width = block ? head_width : s.key, q_stride = g.heads * q_width;
  const std::vector<float> kv = tests::seeded(name + (block ? ".qkv" : ".kv"), keys * kv_stride, g.scale);
  const std::vector<float> q = block ? kv : tests::seeded(name + ".q", queries * q_stride, g.scale);
  const std::vector<float> bias = tests::seeded(name + ".bias", g.heads * keys, 3);
  const std::vector<float> dy = tests::seeded(name + ".dy", queries * y_stride);
  std::vector<float> y(queries * y_stride), dkv(kv.size()), dq(block ? 0 : q.size()), dbias(bias.size());
  float* const dq_rows = block ? dkv.data() : dq.data();
  const Guarded<float> scratch(std::max(attention_scratch_floats(s), attention_vjp_scratch_floats(s)));
  for (size_t h = 0; h < g.heads; ++h) {
    const size_t k_at = h * head_width + (block ? s.key : 0), v_at = k_at + s.key;
    Attention a = {};
    a.shape = s;
    a.q = {q.data() + h * q_width, q_stride};
    a.k = {kv.data() + k_at, kv_stride};
    a.v = {kv.data() + v_at, kv_stride};
    a.bias_table = bias.data() + h * keys;
    a.y = {y.data() + h * s.value, y_stride};
    a.query_end = queries;
    a.scratch = scratch.data();
    kernels.attention(a);
    AttentionVjp vjp = {};
    vjp.shape = s;
    vjp.q = a.q;
    vjp.k = a.k;
    vjp.v = a.v;
    vjp.bias_table = a.bias_table;
    vjp.dy = {dy.data() + h * s.value, y_stride};
    vjp.dq = {dq_rows + h * q_width, q_stride};
    vjp.dk = {dkv.data() + k_at, kv_stride};
    vjp.dv = {dkv.data() + v_at, kv_stride};
    vjp.dbias_table = dbias.data() + h * keys;
    vjp.scratch = scratch.data();
    kernels.attention_vjp(vjp);
  }
  // Scores reach 20, so their float32 rounding moves probabilities by up to 20 * 2^-24 = 1.2e-6.
  CHECK(tests::relative_l2(y, tests::load_npy(folder + "y.npy").values) < 2e-6);
  CHECK(tests::relative_l2(dkv, tests::load_npy(folder + (block ? "dqkv.npy" : "dkv.npy")).values) < 2e-6);
  CHECK(tests::relative_l2(dbias, tests::load_npy(folder + "dbias.npy").values) < 2e-6);
  if (!block) {
    CHECK(tests::relative_l2(dq, tests::load_npy(folder + "dq.npy").values) < 2e-6);
  }
}

TEST_CASE("attention: the goldens of blocks and downsamplings, forward and backward") {
  for (const Golden& g :
       {Golden{"attention_stage0", {14, 1, 16, 32}, 2, 2}, Golden{"attention_stage1", {7, 1, 16, 32}, 3, 2},
        Golden{"attention_stage2", {4, 1, 16, 32}, 8, 2}, Golden{"attention_down0", {14, 2, 16, 64}, 2, 2},
        Golden{"attention_down1", {7, 2, 16, 64}, 4, 2}, Golden{"attention_key32", {7, 1, 32, 64}, 2, 1.5}}) {
    CAPTURE(g.name);
    tests::for_each_target([&](const Dispatch& kernels) { check_golden(kernels, g); });
  }
}

}  // namespace
}  // namespace levit::kernels
