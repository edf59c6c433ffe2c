// The convolution of the stem and its VJPs against the reference in double, complex steps and the goldens.
#include "kernels/conv3x3.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "doctest/doctest.h"
#include "kernels/gemm.h"
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
  size_t height, width, cin, cout;
  size_t in() const { return height * width * cin; }
  size_t out_height() const { return conv3x3_out(height); }
  size_t out_width() const { return conv3x3_out(width); }
  size_t out() const { return out_height() * out_width() * cout; }
};

// Odd and even sizes, down to one pixel; channels below, at and above one and two panels.
std::vector<Shape> shapes() {
  return {{1, 1, 3, 16},  {1, 2, 3, 5},    {2, 1, 16, 16}, {2, 2, 4, 16}, {3, 3, 16, 17},
          {5, 4, 3, 16},  {4, 5, 5, 16},   {7, 6, 16, 24}, {6, 7, 33, 8}, {8, 8, 48, 16},
          {9, 33, 3, 16}, {4, 61, 16, 32}, {3, 19, 16, 8}};
}

// Bound on the rounding of a sum of 9 cin (forward) or 4 cout (VJP) products after hardswish: see
// gemm_test.cc.
double tolerance(size_t terms, double magnitude) {
  return static_cast<double>(2 * terms + 8) * tests::kRounding * 1.5 * magnitude;
}

// Runs the kernel row by row over line buffers, as the stem does.
void convolve(const Dispatch& kernels, const Shape& s, const std::vector<float>& in, const Panels& w,
              const float* bias, bool hardswish, float* out, float* pre) {
  const size_t row_floats = conv3x3_row_floats(s.width, s.cin);
  std::vector<Guarded<float>> rows;
  for (size_t y = 0; y <= s.height + 1; ++y) {  // row 0 and the last are outside
    rows.emplace_back(row_floats);
    std::fill(rows[y].begin(), rows[y].end(), 0.0f);
    if (y >= 1 && y <= s.height) {
      std::copy_n(in.data() + (y - 1) * s.width * s.cin, s.width * s.cin, rows[y].data() + s.cin);
    }
  }
  const Guarded<float> scratch(gemm_scratch_floats(9 * s.cin));
  for (size_t y = 0; y < s.out_height(); ++y) {
    Conv3x3 c = {};
    for (size_t i = 0; i < 3; ++i) {
      c.in[i] = rows[2 * y + i].data();
    }
    c.w = w;
    c.bias = bias;
    c.out = out + y * s.out_width() * s.cout;
    c.pre = pre != nullptr ? pre + y * s.out_width() * s.cout : nullptr;
    c.cin = s.cin;
    c.out_width = s.out_width();
    c.hardswish = hardswish;
    c.scratch = scratch.data();
    kernels.conv3x3(c);
  }
}

TEST_CASE("conv3x3: every target gives the reference's convolution") {
  for (const Shape& s : shapes()) {
    for (const Number number : tests::kNumbers) {
      CAPTURE(s.height);
      CAPTURE(s.width);
      CAPTURE(s.cin);
      CAPTURE(s.cout);
      CAPTURE(static_cast<int>(number));
      const std::vector<float> in = tests::seeded("conv.in", s.in(), 2);
      const PackedWeights w(tests::seeded("conv.w", s.cout * 9 * s.cin), s.cout, 9 * s.cin, number);
      const std::vector<float> bias = tests::seeded("conv.b", s.cout);
      const Guarded<float> padded_bias = tests::padded_to_panels(bias);
      std::vector<double> pre(s.out()), bound(s.out());
      reference::conv3x3(tests::converted<double>(in).data(), tests::converted<double>(w.weights).data(),
                         tests::converted<double>(bias).data(), s.height, s.width, s.cin, s.cout, pre.data());
      reference::conv3x3(tests::magnitudes(in).data(), tests::magnitudes(w.weights).data(),
                         tests::magnitudes(bias).data(), s.height, s.width, s.cin, s.cout, bound.data());
      std::vector<double> out = pre;
      for (size_t i = 0; i < out.size(); ++i) {
        out[i] = reference::hardswish(pre[i]);
        bound[i] = tolerance(9 * s.cin, bound[i]);
      }
      tests::for_each_target([&](const Dispatch& kernels) {
        const Guarded<float> y(s.out());
        const Guarded<float> kept(s.out());
        convolve(kernels, s, in, w.panels(), padded_bias.data(), false, y.data(), nullptr);
        tests::check_close(y.data(), pre, bound);
        convolve(kernels, s, in, w.panels(), padded_bias.data(), true, y.data(), kept.data());
        tests::check_close(y.data(), out, bound);
        tests::check_close(kept.data(), pre, bound);
      });
    }
  }
}

TEST_CASE("conv3x3: a row has the bits of a GEMM over copies of its taps") {
  for (const size_t cin : {size_t{3}, size_t{16}}) {
    for (const Number number : tests::kNumbers) {
      const size_t width = 39, cout = 16, depth = 9 * cin;
      const size_t row_floats = conv3x3_row_floats(width, cin), pixels = conv3x3_out(width);
      const Guarded<float> in(tests::seeded("conv.in", 3 * row_floats, 2));
      const Guarded<float> taps(pixels * depth);
      for (size_t i = 0; i < pixels * depth; ++i) {
        const size_t x = i / depth, k = i % depth;
        taps[i] = in[k / (3 * cin) * row_floats + 2 * x * cin + k % (3 * cin)];
      }
      const PackedWeights w(tests::seeded("conv.w", cout * depth), cout, depth, number);
      const Guarded<float> bias(tests::seeded("conv.b", cout));
      const Guarded<float> scratch(gemm_scratch_floats(depth));
      tests::for_each_target([&](const Dispatch& kernels) {
        const Guarded<float> out(pixels * cout), pre(pixels * cout);
        const Guarded<float> expected(pixels * cout), expected_pre(pixels * cout);
        Conv3x3 c = {};
        for (size_t i = 0; i < 3; ++i) {
          c.in[i] = in.data() + i * row_floats;
        }
        c.w = w.panels();
        c.bias = bias.data();
        c.out = out.data();
        c.pre = pre.data();
        c.cin = cin;
        c.out_width = pixels;
        c.hardswish = true;
        c.scratch = scratch.data();
        kernels.conv3x3(c);
        const float* const segment = taps.data();
        Gemm g = {};
        g.x = {&segment, 1, depth, depth};
        g.w = w.panels();
        g.bias = bias.data();
        g.y = {expected.data(), cout, cout, 0};
        g.pre = {expected_pre.data(), cout, cout, 0};
        g.hardswish = true;
        g.row_end = pixels;
        g.column_end = cout;
        g.scratch = scratch.data();
        kernels.gemm(g);
        CHECK(out.values() == expected.values());
        CHECK(pre.values() == expected_pre.values());
      });
    }
  }
}

// The input VJP of all rows, without a slope.
Conv3x3VjpInput whole_picture(const Shape& s, const float* dout, const Panels& w, float* din,
                              float* scratch) {
  Conv3x3VjpInput c = {};
  c.dout = dout;
  c.w = w;
  c.din = din;
  c.height = s.height;
  c.width = s.width;
  c.cin = s.cin;
  c.row_end = s.height;
  c.scratch = scratch;
  return c;
}

// A picture with the zero pixels that the weight VJP reads.
std::vector<float> padded_picture(const Shape& s, const std::vector<float>& in) {
  std::vector<float> padded(conv3x3_padded_floats(s.height, s.width, s.cin));
  for (size_t y = 0; y < s.height; ++y) {
    std::copy_n(
        in.begin() + static_cast<ptrdiff_t>(y * s.width * s.cin), s.width * s.cin,
        padded.begin() + static_cast<ptrdiff_t>((y + 1) * conv3x3_row_floats(s.width, s.cin) + s.cin));
  }
  return padded;
}

Conv3x3VjpWeights weights_vjp(const Shape& s, const float* dout, const float* in, float* dw, float* db,
                              float* scratch) {
  Conv3x3VjpWeights c = {};
  c.dout = dout;
  c.in = in;
  c.height = s.height;
  c.width = s.width;
  c.cin = s.cin;
  c.cout = s.cout;
  c.dw = dw;
  c.db = db;
  c.scratch = scratch;
  return c;
}

struct VjpFixture {
  VjpFixture(const Shape& shape, Number number)
      : s(shape),
        dout(tests::seeded("conv.dout", s.out())),
        pre(tests::seeded("conv.pre", s.in(), 5)),
        w(tests::seeded("conv.w", s.cout * 9 * s.cin), s.cout, 9 * s.cin, number),
        din(s.in()),
        scratch(conv3x3_vjp_scratch_floats(s.width, s.cin, s.cout)) {
    std::fill(din.begin(), din.end(), NAN);
  }

  Conv3x3VjpInput vjp() const {
    return whole_picture(s, dout.data(), w.panels(), din.data(), scratch.data());
  }

  // The gradient of <dout, conv(x)> to x, or with hardswish in front to its input; every product counts
  // towards the bound.
  std::vector<double> gradient(bool with_slope) const {
    const std::vector<Complex> weights = tests::to_complex(w.weights);
    return tests::complex_step(pre.values(), dout.values(), [&](std::vector<Complex> x) {
      for (Complex& value : x) {
        value = with_slope ? reference::hardswish(value) : value;
      }
      std::vector<Complex> y(s.out());
      reference::conv3x3<Complex>(x.data(), weights.data(), nullptr, s.height, s.width, s.cin, s.cout,
                                  y.data());
      return y;
    });
  }

  Shape s;
  Guarded<float> dout, pre;
  PackedWeights w;
  Guarded<float> din, scratch;
};

TEST_CASE("conv3x3_vjp_input: every target gives the complex-step gradient, interleaved and planar") {
  for (const Shape& s : shapes()) {
    if (s.in() * s.out() * s.cin > 40000000) {
      continue;  // one forward pass of the reference for each input number
    }
    for (const Number number : tests::kNumbers) {
      CAPTURE(s.height);
      CAPTURE(s.width);
      CAPTURE(s.cin);
      CAPTURE(s.cout);
      CAPTURE(static_cast<int>(number));
      VjpFixture f(s, number);
      // Every |dout| and |w| is at most 1, and at most 4 cout of their products meet in one number.
      const std::vector<double> bound(s.in(), tolerance(4 * s.cout, static_cast<double>(4 * s.cout)));
      for (const bool with_slope : {false, true}) {
        const std::vector<double> expected = f.gradient(with_slope);
        std::vector<double> planes(expected.size());
        for (size_t i = 0; i < expected.size(); ++i) {
          planes[i % s.cin * s.height * s.width + i / s.cin] = expected[i];
        }
        tests::for_each_target([&](const Dispatch& kernels) {
          Conv3x3VjpInput c = f.vjp();
          c.pre = with_slope ? f.pre.data() : nullptr;
          kernels.conv3x3_vjp_input(c);
          tests::check_close(f.din.data(), expected, bound);
          if (s.cin == kPlanarChannels && !with_slope) {
            c.planar = true;
            kernels.conv3x3_vjp_input(c);
            tests::check_close(f.din.data(), planes, bound);
          }
        });
      }
    }
  }
}

TEST_CASE("conv3x3_vjp_input: cutting the rows changes no bit") {
  for (const Shape& s : {Shape{9, 12, 3, 16}, Shape{10, 7, 40, 24}, Shape{9, 21, 16, 24}}) {
    VjpFixture f(s, Number::kHalf);
    tests::for_each_target([&](const Dispatch& kernels) {
      Conv3x3VjpInput c = f.vjp();
      kernels.conv3x3_vjp_input(c);
      const std::vector<float> whole = f.din.values();
      for (const size_t row : {size_t{2}, size_t{4}, size_t{8}}) {
        std::fill(f.din.begin(), f.din.end(), NAN);
        c.row_begin = row;
        c.row_end = s.height;
        kernels.conv3x3_vjp_input(c);
        c.row_begin = 0;
        c.row_end = row;
        kernels.conv3x3_vjp_input(c);
        CHECK(f.din.values() == whole);
      }
    });
  }
}

TEST_CASE("conv3x3_vjp_weights: every target adds the complex-step gradients to dw and db") {
  for (const Shape& s : {Shape{1, 1, 3, 2}, Shape{2, 3, 3, 4}, Shape{5, 4, 2, 9}, Shape{4, 5, 17, 3},
                         Shape{8, 9, 4, 8}, Shape{6, 7, 3, 16}}) {
    CAPTURE(s.height);
    CAPTURE(s.width);
    const Guarded<float> in(tests::seeded("conv.in", s.in()));
    const Guarded<float> dout(tests::seeded("conv.dout", s.out()));
    const Guarded<float> padded(padded_picture(s, in.values()));
    const Guarded<float> scratch(conv3x3_weight_scratch_floats(s.width));
    const size_t weights = s.cout * 9 * s.cin;
    const std::vector<float> parameters = tests::seeded("conv.parameters", weights + s.cout);
    const std::vector<Complex> cin = tests::to_complex(in.values());
    std::vector<double> expected =
        tests::complex_step(parameters, dout.values(), [&](const std::vector<Complex>& p) {
          std::vector<Complex> y(s.out());
          reference::conv3x3(cin.data(), p.data(), p.data() + weights, s.height, s.width, s.cin, s.cout,
                             y.data());
          return y;
        });
    const std::vector<float> start = tests::seeded("conv.start", expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] += static_cast<double>(start[i]);
    }
    // Every number is at most 1 in magnitude; one product for each output pixel.
    const size_t terms = s.out_height() * s.out_width() + 1;
    const std::vector<double> bound(expected.size(), tolerance(terms, static_cast<double>(terms)));
    tests::for_each_target([&](const Dispatch& kernels) {
      const PackedWeights dw({start.begin(), start.begin() + static_cast<ptrdiff_t>(weights)}, s.cout,
                             9 * s.cin, Number::kFloat);
      const Guarded<float> db =
          tests::padded_to_panels({start.begin() + static_cast<ptrdiff_t>(weights), start.end()});
      auto* const panels = reinterpret_cast<float*>(dw.bytes.data());
      Conv3x3VjpWeights c = weights_vjp(s, dout.data(), padded.data(), panels, db.data(), scratch.data());
      c.adds = true;
      kernels.conv3x3_vjp_weights(c);
      std::vector<float> all = tests::from_panels(panels, s.cout, 9 * s.cin);
      all.insert(all.end(), db.begin(), db.begin() + s.cout);
      tests::check_close(all.data(), expected, bound);
    });
  }
}

// Between [channels, height, width] of the goldens and [height, width, channels].
std::vector<float> interleaved(const std::vector<float>& planes, size_t channels) {
  const size_t pixels = planes.size() / channels;
  std::vector<float> result(planes.size());
  for (size_t i = 0; i < planes.size(); ++i) {
    result[i % pixels * channels + i / pixels] = planes[i];
  }
  return result;
}

// [cout, cin, 3, 3] to [cout, 3, 3, cin].
std::vector<float> taps_first(const std::vector<float>& w, size_t cin) {
  std::vector<float> result;
  const size_t output = 9 * cin;
  for (size_t i = 0; i < w.size(); i += output) {
    const std::vector<float> one = interleaved(
        {w.begin() + static_cast<ptrdiff_t>(i), w.begin() + static_cast<ptrdiff_t>(i + output)}, cin);
    result.insert(result.end(), one.begin(), one.end());
  }
  return result;
}

// The goldens are float32 roundings of double results: 1e-6 leaves room for sums of up to 720 rounded
// products.
constexpr double kGolden = 1e-6;

TEST_CASE("conv3x3: the goldens, forward and backward") {
  for (const char* name :
       {"conv_16_32_even", "conv_16_32_odd", "conv_3_16_even", "conv_3_16_hardswish", "conv_3_16_odd"}) {
    CAPTURE(name);
    const std::string folder = std::string("kernel/") + name + "/";
    const bool hardswish = std::string(name) == "conv_3_16_hardswish";
    const tests::Array x = tests::load_npy(folder + "x.npy");
    const tests::Array w = tests::load_npy(folder + "w.npy");
    const Shape s = {x.shape[1], x.shape[2], x.shape[0], w.shape[0]};
    const std::vector<float> in = interleaved(x.values, s.cin);
    const std::vector<float> dy = interleaved(tests::load_npy(folder + "dy.npy").values, s.cout);
    const PackedWeights packed(taps_first(w.values, s.cin), s.cout, 9 * s.cin, Number::kFloat);
    const Guarded<float> bias = tests::padded_to_panels(tests::load_npy(folder + "b.npy").values);
    const Guarded<float> scratch(conv3x3_vjp_scratch_floats(s.width, s.cin, s.cout));
    tests::for_each_target([&](const Dispatch& kernels) {
      std::vector<float> y(s.out()), pre(s.out()), dpre = dy, dx(s.in());
      convolve(kernels, s, in, packed.panels(), bias.data(), hardswish, y.data(), pre.data());
      CHECK(tests::relative_l2(y, interleaved(tests::load_npy(folder + "y.npy").values, s.cout)) < kGolden);

      if (hardswish) {
        kernels.hardswish_vjp({pre.data(), dy.data(), dpre.data(), dpre.size()});
      }
      kernels.conv3x3_vjp_input(whole_picture(s, dpre.data(), packed.panels(), dx.data(), scratch.data()));
      CHECK(tests::relative_l2(dx, interleaved(tests::load_npy(folder + "dx.npy").values, s.cin)) < kGolden);

      std::vector<float> dw(panel_values(s.cout, 9 * s.cin)), db(panel_values(s.cout, 1));
      const Guarded<float> padded(padded_picture(s, in)), strip(conv3x3_weight_scratch_floats(s.width));
      kernels.conv3x3_vjp_weights(
          weights_vjp(s, dpre.data(), padded.data(), dw.data(), db.data(), strip.data()));
      db.resize(s.cout);
      CHECK(tests::relative_l2(tests::from_panels(dw.data(), s.cout, 9 * s.cin),
                               taps_first(tests::load_npy(folder + "dw.npy").values, s.cin)) < kGolden);
      CHECK(tests::relative_l2(db, tests::load_npy(folder + "db.npy").values) < kGolden);
    });
  }
}

}  // namespace
}  // namespace levit::kernels
