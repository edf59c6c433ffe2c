// GEMM and its VJPs against the reference in double, complex steps and the goldens; shapes lie around the
// edges of every tile.
#include "kernels/gemm.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>

#include "doctest/doctest.h"
#include "kernels/reference.h"
#include "kernels/tokens.h"
#include "tests/kernels/support.h"
#include "tests/support/npy.h"

namespace levit::kernels {
namespace {

using tests::Complex;
using tests::Guarded;
using tests::PackedWeights;

struct Shape {
  size_t rows, outputs, depth;
};

enum Epilogue { kPlain, kHardswish, kResidual };

// Shapes around every tile's edges: rows beyond two tiles of any target, outputs beyond two panels, short
// depths; then real ones.
std::vector<Shape> shapes() {
  std::vector<Shape> list;
  for (size_t rows = 0; rows <= 30; ++rows) {
    list.push_back({rows, 40, 19});
  }
  for (size_t outputs = 1; outputs <= 66; ++outputs) {
    list.push_back({5, outputs, 7});
  }
  for (size_t depth = 1; depth <= 33; ++depth) {
    list.push_back({3, 17, depth});
  }
  list.insert(list.end(), {{196, 128, 128}, {49, 384, 256}, {16, 512, 384}, {1, 2, 384}, {32, 48, 64}});
  return list;
}

struct Expected {
  std::vector<double> pre, y, tolerance;
};

Expected expected_gemm(const Shape& s, const std::vector<float>& x, const std::vector<float>& w,
                       const std::vector<float>& bias, const std::vector<float>& residual, bool hardswish) {
  const auto product = [&s](const auto& a, const auto& b, const auto& c) {
    std::vector<double> y(s.rows * s.outputs);
    reference::linear(a.data(), b.data(), c.empty() ? nullptr : c.data(), s.rows, s.outputs, s.depth,
                      y.data());
    return y;
  };
  Expected e;
  e.pre = product(tests::converted<double>(x), tests::converted<double>(w), tests::converted<double>(bias));
  e.tolerance = product(tests::magnitudes(x), tests::magnitudes(w), tests::magnitudes(bias));
  e.y = e.pre;
  for (size_t i = 0; i < e.y.size(); ++i) {
    const double r = residual.empty() ? 0 : static_cast<double>(residual[i]);
    e.y[i] = (hardswish ? reference::hardswish(e.y[i]) : e.y[i]) + r;
    e.tolerance[i] = tests::product_tolerance(s.depth, e.tolerance[i] + std::abs(r));
  }
  return e;
}

// A plain GEMM over whole, contiguous matrices.
struct Fixture {
  Fixture(const Shape& shape, Number number)
      : s(shape),
        x(tests::seeded("gemm.x", s.rows * s.depth, 2)),
        bias_values(tests::seeded("gemm.b", s.outputs)),
        bias(tests::padded_to_panels(bias_values)),
        residual(tests::seeded("gemm.r", s.rows * s.outputs)),
        w(tests::seeded("gemm.w", s.outputs * s.depth), s.outputs, s.depth, number),
        y(s.rows * s.outputs),
        pre(s.rows * s.outputs),
        scratch(gemm_scratch_floats(s.depth)) {
    std::fill(y.begin(), y.end(), NAN);
    std::fill(pre.begin(), pre.end(), NAN);
  }

  Gemm gemm() {
    Gemm g = {};
    segment[0] = x.data();
    g.x = {segment, 1, s.depth, s.depth};
    g.w = w.panels();
    g.bias = bias.data();
    g.y = {y.data(), s.outputs, s.outputs, 0};
    g.row_end = s.rows;
    g.column_end = s.outputs;
    g.scratch = scratch.data();
    return g;
  }

  Shape s;
  Guarded<float> x;
  std::vector<float> bias_values;
  Guarded<float> bias;
  Guarded<float> residual;
  PackedWeights w;
  Guarded<float> y, pre, scratch;
  const float* segment[1];
};

TEST_CASE("gemm: every target gives the reference's product and touches nothing behind its arrays") {
  for (const Number number : tests::kNumbers) {
    for (const Shape& s : shapes()) {
      CAPTURE(static_cast<int>(number));
      CAPTURE(s.rows);
      CAPTURE(s.outputs);
      CAPTURE(s.depth);
      for (const Epilogue epilogue : {kPlain, kHardswish, kResidual}) {
        CAPTURE(epilogue);
        Fixture f(s, number);
        const std::vector<float> residual =
            epilogue == kResidual ? f.residual.values() : std::vector<float>();
        const Expected e =
            expected_gemm(s, f.x.values(), f.w.weights, f.bias_values, residual, epilogue == kHardswish);
        tests::for_each_target([&](const Dispatch& kernels) {
          Gemm g = f.gemm();
          g.hardswish = epilogue == kHardswish;
          g.residual = epilogue == kResidual ? f.residual.data() : nullptr;
          g.pre = epilogue == kHardswish ? OutputRows{f.pre.data(), s.outputs, s.outputs, 0} : OutputRows{};
          kernels.gemm(g);
          tests::check_close(f.y.data(), e.y, e.tolerance);
          if (epilogue == kHardswish) {
            tests::check_close(f.pre.data(), e.pre, e.tolerance);
          }
        });
      }
    }
  }
}

TEST_CASE("gemm: products are fused exactly on the targets that have a fused multiply-add") {
  // x^2 - (1 + 2^-11) with x = 1 + 2^-12 is 2^-24 exactly, and 0 when the square is rounded first.
  const float x = 1 + 0x1p-12f;
  PackedWeights w({x}, 1, 1, Number::kFloat);
  const Guarded<float> bias = tests::padded_to_panels({-(1 + 0x1p-11f)});
  tests::for_each_target([&](const Dispatch& kernels) {
    Gemm g = {};
    const float* segment = &x;
    float y = NAN;
    g.x = {&segment, 1, 1, 1};
    g.w = w.panels();
    g.bias = bias.data();
    g.y = {&y, 1, 1, 0};
    g.row_end = 1;
    g.column_end = 1;
    kernels.gemm(g);
    const std::string name = kernels.name;
    const bool fused = name == "AVX3" || name == "AVX2" || name == "NEON";
    CHECK(y == (fused ? 0x1p-24f : 0.0f));
  });
}

TEST_CASE("gemm: cutting the rows and the columns changes no bit") {
  for (const Number number : tests::kNumbers) {
    Fixture f({31, 70, 45}, number);
    tests::for_each_target([&](const Dispatch& kernels) {
      Gemm g = f.gemm();
      g.hardswish = true;
      kernels.gemm(g);
      const std::vector<float> whole = f.y.values();
      for (const size_t row : std::initializer_list<size_t>{1, 2, 7, 13, 14, 15, 30}) {
        for (const size_t column : std::initializer_list<size_t>{16, 32, 48, 64}) {
          std::fill(f.y.begin(), f.y.end(), NAN);
          for (const bool low : {false, true}) {
            for (const bool left : {false, true}) {
              g.row_begin = low ? 0 : row;
              g.row_end = low ? row : f.s.rows;
              g.column_begin = left ? 0 : column;
              g.column_end = left ? column : f.s.outputs;
              kernels.gemm(g);
            }
          }
          CHECK(f.y.values() == whole);
        }
      }
    });
  }
}

TEST_CASE("gemm: segments of rows and of columns are only another layout") {
  // Three segments of 15 numbers per row; columns in segments of 16, as heads are.
  const Shape s = {23, 48, 45};
  Fixture f(s, Number::kHalf);
  const size_t length = 15;
  std::vector<Guarded<float>> parts;
  const float* segment[3];
  for (size_t i = 0; i < 3; ++i) {
    parts.emplace_back((s.rows - 1) * 20 + length);
    for (size_t m = 0; m < s.rows; ++m) {
      std::copy_n(f.x.data() + m * s.depth + i * length, length, parts[i].data() + m * 20);
    }
    segment[i] = parts[i].data();
  }
  tests::for_each_target([&](const Dispatch& kernels) {
    Gemm g = f.gemm();
    g.residual = f.residual.data();
    kernels.gemm(g);
    Guarded<float> segmented(3 * s.rows * 16);
    Guarded<float> segmented_pre(3 * s.rows * 16);
    Guarded<float> residual(3 * s.rows * 16);
    for (size_t i = 0; i < residual.size(); ++i) {
      residual[i] = f.residual[i / 16 % s.rows * s.outputs + i / 16 / s.rows * 16 + i % 16];
    }
    g.x = {segment, 3, length, 20};
    g.y = {segmented.data(), 16, 16, s.rows * 16};
    g.pre = {segmented_pre.data(), 16, 16, s.rows * 16};
    g.residual = residual.data();
    kernels.gemm(g);
    for (size_t i = 0; i < segmented.size(); ++i) {
      const size_t at = i / 16 % s.rows * s.outputs + i / 16 / s.rows * 16 + i % 16;
      REQUIRE(segmented[i] == f.y[at]);
      REQUIRE(segmented_pre[i] + residual[i] == segmented[i]);
    }
  });
}

TEST_CASE("gemm: values before hardswish are the same past the caches, wherever they lie") {
  for (const size_t outputs : {size_t{64}, size_t{70}}) {
    Fixture f({31, outputs, 45}, Number::kFloat);
    for (const size_t stride : {size_t{80}, size_t{81}}) {
      alignas(64) float pre[2][31 * 81 + 1];
      for (const size_t at : {size_t{0}, size_t{1}}) {
        tests::for_each_target([&](const Dispatch& kernels) {
          Gemm g = f.gemm();
          g.hardswish = true;
          for (const bool streams : {false, true}) {
            std::fill(std::begin(pre[streams]), std::end(pre[streams]), -1.0f);
            g.pre = {pre[streams] + at, stride, stride, 0};
            g.streams = streams;
            kernels.gemm(g);
          }
          CHECK(std::equal(std::begin(pre[0]), std::end(pre[0]), pre[1]));
          CHECK(pre[0][at] != -1);
        });
      }
    }
  }
}

TEST_CASE("gemm: the residual may be the output itself, and the bias may be missing") {
  Fixture f({17, 33, 20}, Number::kFloat);
  const Expected e = expected_gemm(f.s, f.x.values(), f.w.weights, {}, f.residual.values(), false);
  tests::for_each_target([&](const Dispatch& kernels) {
    Gemm g = f.gemm();
    g.bias = nullptr;
    std::copy(f.residual.begin(), f.residual.end(), f.y.begin());
    g.residual = f.y.data();
    kernels.gemm(g);
    tests::check_close(f.y.data(), e.y, e.tolerance);
  });
}

// dx = (dy W) hardswish'(pre) + residual is the gradient of <dy, W hardswish(pre)> + <residual, pre> to pre.
struct VjpFixture {
  VjpFixture(const Shape& shape, Number number)
      : s(shape),
        dy(tests::seeded("vjp.dy", s.rows * s.outputs)),
        pre(tests::seeded("vjp.pre", s.rows * s.depth, 5)),
        residual(tests::seeded("vjp.r", s.rows * s.depth)),
        w(tests::seeded("vjp.w", s.outputs * s.depth), s.outputs, s.depth, number),
        dx(s.rows * s.depth),
        scratch(gemm_vjp_scratch_floats(s.outputs)) {
    std::fill(dx.begin(), dx.end(), NAN);
  }

  Gemm vjp() {
    Gemm g = {};
    segment[0] = dy.data();
    g.x = {segment, 1, s.outputs, s.outputs};
    g.w = w.panels();
    g.y = {dx.data(), s.depth, s.depth, 0};
    g.row_end = s.rows;
    g.column_end = s.depth;
    g.scratch = scratch.data();
    return g;
  }

  // Row by row, since rows do not meet.
  std::vector<double> gradient(bool with_slope) const {
    const std::vector<Complex> weights = tests::to_complex(w.weights);
    std::vector<double> all;
    for (size_t m = 0; m < s.rows; ++m) {
      const auto row = tests::complex_step(
          {pre.data() + m * s.depth, pre.data() + (m + 1) * s.depth},
          {dy.data() + m * s.outputs, dy.data() + (m + 1) * s.outputs}, [&](std::vector<Complex> x) {
            for (Complex& value : x) {
              value = with_slope ? reference::hardswish(value) : value;
            }
            std::vector<Complex> y(s.outputs);
            reference::linear<Complex>(x.data(), weights.data(), nullptr, 1, s.outputs, s.depth, y.data());
            return y;
          });
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }

  // sum over n of |dy[m][n] w[n][k]|, to the tolerance.
  std::vector<double> tolerances() const {
    std::vector<double> all;
    for (size_t m = 0; m < s.rows; ++m) {
      for (size_t k = 0; k < s.depth; ++k) {
        double sum = std::abs(static_cast<double>(residual[m * s.depth + k]));
        for (size_t n = 0; n < s.outputs; ++n) {
          sum += std::abs(static_cast<double>(dy[m * s.outputs + n]) *
                          static_cast<double>(w.weights[n * s.depth + k]));
        }
        all.push_back(tests::product_tolerance(s.outputs, sum));
      }
    }
    return all;
  }

  Shape s;
  Guarded<float> dy, pre, residual;
  PackedWeights w;
  Guarded<float> dx, scratch;
  const float* segment[1];
};

TEST_CASE("gemm_vjp_input: every target gives the complex-step gradient") {
  std::vector<Shape> list;
  for (const size_t rows : std::initializer_list<size_t>{0, 1, 2, 7, 13, 15, 16, 17, 29, 32, 33}) {
    list.push_back({rows, 23, 37});
  }
  for (size_t n = 1; n <= 50; n += 7) {
    list.push_back({16, n, 33});
    list.push_back({3, 33, n});
  }
  list.insert(list.end(), {{16, 64, 48}, {16, 48, 31}});
  for (const Number number : tests::kNumbers) {
    for (const Shape& s : list) {
      CAPTURE(static_cast<int>(number));
      CAPTURE(s.rows);
      CAPTURE(s.outputs);
      CAPTURE(s.depth);
      VjpFixture f(s, number);
      const std::vector<double> tolerances = f.tolerances();
      for (const bool fused : {false, true}) {
        std::vector<double> expected = f.gradient(fused);
        for (size_t i = 0; fused && i < expected.size(); ++i) {
          expected[i] += static_cast<double>(f.residual[i]);
        }
        tests::for_each_target([&](const Dispatch& kernels) {
          Gemm g = f.vjp();
          g.slope_at = fused ? f.pre.data() : nullptr;
          g.residual = fused ? f.residual.data() : nullptr;
          kernels.gemm_vjp_input(g);
          tests::check_close(f.dx.data(), expected, tolerances);
        });
      }
    }
  }
}

TEST_CASE("gemm_vjp_input: cutting the rows and the columns changes no bit") {
  for (const Number number : tests::kNumbers) {
    for (const size_t rows : std::initializer_list<size_t>{16, 31}) {
      VjpFixture f({rows, 45, 70}, number);
      tests::for_each_target([&](const Dispatch& kernels) {
        Gemm g = f.vjp();
        g.slope_at = f.pre.data();
        kernels.gemm_vjp_input(g);
        const std::vector<float> whole = f.dx.values();
        for (const size_t row : std::initializer_list<size_t>{1, 7, 15}) {
          for (const size_t column : std::initializer_list<size_t>{16, 32, 48, 64}) {
            std::fill(f.dx.begin(), f.dx.end(), NAN);
            for (const bool low : {false, true}) {
              for (const bool left : {false, true}) {
                g.row_begin = low ? 0 : row;
                g.row_end = low ? row : rows;
                g.column_begin = left ? 0 : column;
                g.column_end = left ? column : f.s.depth;
                kernels.gemm_vjp_input(g);
              }
            }
            CHECK(f.dx.values() == whole);
          }
        }
      });
    }
  }
}

// The goldens are float32 roundings of double results: 1e-6 leaves room for a sum of 384 rounded products.
constexpr double kGolden = 1e-6;

TEST_CASE("gemm: the goldens of the linear layers, forward and backward") {
  for (const char* name :
       {"linear", "linear_hardswish", "linear_residual", "hardswish_linear", "head_linear"}) {
    CAPTURE(name);
    const std::string folder = std::string("kernel/") + name + "/";
    const bool act_after = std::string(name) == "linear_hardswish";
    const bool act_before = std::string(name) == "hardswish_linear";
    const bool add = std::string(name) == "linear_residual";
    const tests::Array x = tests::load_npy(folder + "x.npy");
    const tests::Array w = tests::load_npy(folder + "w.npy");
    const tests::Array dy = tests::load_npy(folder + "dy.npy");
    const Shape s = {x.values.size() / w.shape[1], w.shape[0], w.shape[1]};
    const PackedWeights packed(w.values, s.outputs, s.depth, Number::kFloat);
    const Guarded<float> bias = tests::padded_to_panels(tests::load_npy(folder + "b.npy").values);
    const Guarded<float> scratch(std::max(gemm_scratch_floats(s.depth), gemm_vjp_scratch_floats(s.outputs)));
    const std::vector<float> r = add ? tests::load_npy(folder + "r.npy").values : std::vector<float>();
    tests::for_each_target([&](const Dispatch& kernels) {
      std::vector<float> in = x.values;
      if (act_before) {
        kernels.hardswish({x.values.data(), in.data(), in.size()});
      }
      std::vector<float> y(s.rows * s.outputs), pre(y.size()), dpre = dy.values, dx(in.size());
      const float* segment = in.data();
      Gemm g = {};
      g.x = {&segment, 1, s.depth, s.depth};
      g.w = packed.panels();
      g.bias = bias.data();
      g.y = {y.data(), s.outputs, s.outputs, 0};
      g.pre = {pre.data(), s.outputs, s.outputs, 0};
      g.residual = add ? r.data() : nullptr;
      g.hardswish = act_after;
      g.row_end = s.rows;
      g.column_end = s.outputs;
      g.scratch = scratch.data();
      kernels.gemm(g);
      CHECK(tests::relative_l2(y, tests::load_npy(folder + "y.npy").values) < kGolden);

      if (act_after) {
        kernels.hardswish_vjp({pre.data(), dy.values.data(), dpre.data(), dpre.size()});
      }
      const float* dy_segment = dpre.data();
      Gemm v = {};
      v.x = {&dy_segment, 1, s.outputs, s.outputs};
      v.w = packed.panels();
      v.y = {dx.data(), s.depth, s.depth, 0};
      v.slope_at = act_before ? x.values.data() : nullptr;
      v.row_end = s.rows;
      v.column_end = s.depth;
      v.scratch = scratch.data();
      kernels.gemm_vjp_input(v);
      CHECK(tests::relative_l2(dx, tests::load_npy(folder + "dx.npy").values) < kGolden);

      std::vector<float> dw(panel_values(s.outputs, s.depth)), db(panel_values(s.outputs, 1));
      const Guarded<float> weight_scratch(kWeightScratchFloats);
      GemmVjpWeights p = {};
      p.dy = v.x;
      p.x = g.x;
      p.rows = s.rows;
      p.dw = dw.data();
      p.db = db.data();
      p.column_end = s.outputs;
      p.scratch = weight_scratch.data();
      kernels.gemm_vjp_weights(p);
      db.resize(s.outputs);
      CHECK(tests::relative_l2(tests::from_panels(dw.data(), s.outputs, s.depth),
                               tests::load_npy(folder + "dw.npy").values) < kGolden);
      CHECK(tests::relative_l2(db, tests::load_npy(folder + "db.npy").values) < kGolden);
    });
  }
}

}  // namespace
}  // namespace levit::kernels
