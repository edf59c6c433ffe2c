// hardswish, pooling and pixels: operations on single numbers and rows.
#include "kernels/tokens.h"

#include <algorithm>
#include <cmath>

#include "doctest/doctest.h"
#include "kernels/pixels.h"
#include "kernels/reference.h"
#include "tests/kernels/support.h"
#include "tests/support/npy.h"

namespace levit::kernels {
namespace {

using tests::Complex;
using tests::Guarded;

// 0 .. 2 N + 1 of the longest vectors, so that every target sees whole vectors, short ones and none.
constexpr size_t kMostNumbers = 33;

// x + 3, the clamp, two products and the rounded 1 / 6, all relative to x (x + 3) / 6; below that scale, to
// x.
double hardswish_tolerance(double x) {
  return 6 * tests::kRounding * std::abs(x) * std::max(1.0, std::abs(x + 3));
}

std::vector<float> sweep() {
  std::vector<float> x = {0, -0.0f, 1e-30f, -1e-30f, 1e30f, -1e30f, 3, -3};
  for (const float kink : {-3.0f, 3.0f}) {
    x.push_back(std::nextafter(kink, -10.0f));
    x.push_back(std::nextafter(kink, 10.0f));
  }
  for (int i = -4000; i <= 4000; ++i) {
    x.push_back(static_cast<float>(i) / 1000);
  }
  return x;
}

TEST_CASE("hardswish: a sweep through both kinks on every target") {
  const std::vector<float> x = sweep();
  std::vector<double> expected, tolerance;
  for (const float v : x) {
    expected.push_back(reference::hardswish(static_cast<double>(v)));
    tolerance.push_back(hardswish_tolerance(static_cast<double>(v)));
  }
  tests::for_each_target([&](const Dispatch& kernels) {
    std::vector<float> y(x.size());
    kernels.hardswish({x.data(), y.data(), x.size()});
    tests::check_close(y.data(), expected, tolerance);
  });
}

TEST_CASE("hardswish_vjp: complex-step slopes on every target, 0 at -3 and 1 at 3") {
  const std::vector<float> x = sweep();
  const std::vector<float> dy = tests::seeded("hardswish.dy", x.size());
  std::vector<double> expected, tolerance;
  for (size_t i = 0; i < x.size(); ++i) {
    const double slope = reference::hardswish(Complex(static_cast<double>(x[i]), 1e-30)).imag() / 1e-30;
    expected.push_back(slope * static_cast<double>(dy[i]));
    tolerance.push_back(8 * tests::kRounding);  // |dy| <= 1, |slope| <= 1.5, four roundings
  }
  tests::for_each_target([&](const Dispatch& kernels) {
    std::vector<float> dx(x.size());
    kernels.hardswish_vjp({x.data(), dy.data(), dx.data(), x.size()});
    tests::check_close(dx.data(), expected, tolerance);
    const float kinks[] = {-3, 3};
    const float ones[] = {1, 1};
    float slopes[2];
    kernels.hardswish_vjp({kinks, ones, slopes, 2});
    CHECK(slopes[0] == 0);
    CHECK(slopes[1] == 1);
  });
}

TEST_CASE("hardswish: any count, in place or not, stays within its arrays and gives the same bits") {
  tests::for_each_target([&](const Dispatch& kernels) {
    const std::vector<float> x = tests::seeded("hardswish.x", kMostNumbers, 4);
    const std::vector<float> dy = tests::seeded("hardswish.dy", kMostNumbers);
    std::vector<float> y(kMostNumbers), dx(kMostNumbers);
    kernels.hardswish({x.data(), y.data(), kMostNumbers});
    kernels.hardswish_vjp({x.data(), dy.data(), dx.data(), kMostNumbers});
    for (size_t count = 0; count <= kMostNumbers; ++count) {
      const auto first = [count](const std::vector<float>& v) {
        return std::vector<float>(v.begin(), v.begin() + static_cast<ptrdiff_t>(count));
      };
      const Guarded<float> in(first(x));
      const Guarded<float> gradient(first(dy));
      kernels.hardswish_vjp({in.data(), gradient.data(), gradient.data(), count});
      kernels.hardswish({in.data(), in.data(), count});
      CHECK(in.values() == first(y));
      CHECK(gradient.values() == first(dx));
    }
  });
}

TEST_CASE("hardswish: the goldens, and at the kinks any slope between the one-sided ones") {
  const std::vector<float> x = tests::load_npy("kernel/hardswish/x.npy").values;
  const std::vector<float> y = tests::load_npy("kernel/hardswish/y.npy").values;
  const std::vector<float> dy = tests::load_npy("kernel/hardswish/dy.npy").values;
  const std::vector<float> left = tests::load_npy("kernel/hardswish/slope_left.npy").values;
  const std::vector<float> right = tests::load_npy("kernel/hardswish/slope_right.npy").values;
  tests::for_each_target([&](const Dispatch& kernels) {
    std::vector<float> out(x.size()), dx(x.size());
    const std::vector<float> ones(x.size(), 1.0f);
    kernels.hardswish({x.data(), out.data(), x.size()});
    kernels.hardswish_vjp({x.data(), ones.data(), dx.data(), x.size()});
    for (size_t i = 0; i < x.size(); ++i) {
      CAPTURE(x[i]);
      const double bound = hardswish_tolerance(static_cast<double>(x[i])) + tests::kRounding;
      CHECK(std::abs(static_cast<double>(out[i]) - static_cast<double>(y[i])) <= bound);
      const double slope = static_cast<double>(dx[i]);
      CHECK(slope >= static_cast<double>(std::min(left[i], right[i])) - 8 * tests::kRounding);
      CHECK(slope <= static_cast<double>(std::max(left[i], right[i])) + 8 * tests::kRounding);
    }
    const std::vector<float> given = tests::load_npy("kernel/hardswish/dx.npy").values;
    kernels.hardswish_vjp({x.data(), dy.data(), dx.data(), x.size()});
    for (size_t i = 0; i < x.size(); ++i) {
      if (left[i] == right[i]) {
        CHECK(std::abs(static_cast<double>(dx[i]) - static_cast<double>(given[i])) <= 8 * tests::kRounding);
      }
    }
  });
}

TEST_CASE("mean_pool and subsample: the reference's values and complex-step gradients on every target") {
  for (const size_t channels : {size_t{1}, size_t{3}, size_t{16}, size_t{33}, size_t{40}}) {
    for (const size_t side : {size_t{1}, size_t{2}, size_t{4}, size_t{7}}) {
      CAPTURE(channels);
      CAPTURE(side);
      const size_t tokens = side * side;
      const size_t even = divide_up(side, 2);
      const Guarded<float> x(tests::seeded("pool.x", tokens * channels, 3));
      const std::vector<double> wide = tests::converted<double>(x.values());
      const Guarded<float> mean_dy(tests::seeded("pool.mean_dy", channels));
      const Guarded<float> sub_dy(tests::seeded("pool.sub_dy", even * even * channels));
      std::vector<double> mean(channels), sub(even * even * channels);
      reference::mean_pool(wide.data(), tokens, channels, mean.data());
      reference::subsample(wide.data(), side, channels, sub.data());
      const std::vector<double> mean_dx =
          tests::complex_step(x.values(), mean_dy.values(), [&](const std::vector<Complex>& p) {
            std::vector<Complex> y(channels);
            reference::mean_pool(p.data(), tokens, channels, y.data());
            return y;
          });
      std::vector<double> sub_dx =
          tests::complex_step(x.values(), sub_dy.values(), [&](const std::vector<Complex>& p) {
            std::vector<Complex> y(sub.size());
            reference::subsample(p.data(), side, channels, y.data());
            return y;
          });
      // |x| <= 3: a sum of `tokens` numbers, scaled by a rounded factor.
      const double bound = 3 * static_cast<double>(tokens + 2) * tests::kRounding;
      tests::for_each_target([&](const Dispatch& kernels) {
        const Guarded<float> y(channels), dx(x.size()), sub_y(sub.size()), added(x.values());
        kernels.mean_pool({x.data(), y.data(), tokens, channels});
        tests::check_close(y.data(), mean, std::vector<double>(channels, bound));
        kernels.mean_pool_vjp({mean_dy.data(), dx.data(), tokens, channels});
        tests::check_close(dx.data(), mean_dx, std::vector<double>(dx.size(), 2 * tests::kRounding));
        kernels.subsample({x.data(), sub_y.data(), side, channels});
        tests::check_close(sub_y.data(), sub, std::vector<double>(sub.size(), 0.0));
        kernels.subsample_vjp({sub_dy.data(), added.data(), side, channels});
        std::vector<double> sums = sub_dx;
        for (size_t i = 0; i < sums.size(); ++i) {
          sums[i] += static_cast<double>(x[i]);
        }
        tests::check_close(added.data(), sums, std::vector<double>(sums.size(), 4 * tests::kRounding));
      });
    }
  }
}

TEST_CASE("mean_pool and subsample: the goldens") {
  const tests::Array x = tests::load_npy("kernel/mean_pool/x.npy");
  const tests::Array grid = tests::load_npy("kernel/token_subsample/x.npy");
  const size_t tokens = x.shape[0], channels = x.shape[1];
  tests::for_each_target([&](const Dispatch& kernels) {
    std::vector<float> y(channels), dx(x.values.size());
    kernels.mean_pool({x.values.data(), y.data(), tokens, channels});
    CHECK(tests::relative_l2(y, tests::load_npy("kernel/mean_pool/y.npy").values) < 1e-6);
    kernels.mean_pool_vjp(
        {tests::load_npy("kernel/mean_pool/dy.npy").values.data(), dx.data(), tokens, channels});
    CHECK(tests::relative_l2(dx, tests::load_npy("kernel/mean_pool/dx.npy").values) < 1e-6);
    const std::vector<float> expected = tests::load_npy("kernel/token_subsample/y.npy").values;
    std::vector<float> sub(expected.size()), dgrid(grid.values.size());
    kernels.subsample({grid.values.data(), sub.data(), 7, grid.shape[1]});
    CHECK(sub == expected);
    kernels.subsample_vjp(
        {tests::load_npy("kernel/token_subsample/dy.npy").values.data(), dgrid.data(), 7, grid.shape[1]});
    CHECK(dgrid == tests::load_npy("kernel/token_subsample/dx.npy").values);
  });
}

TEST_CASE("normalise_row: exactly torchvision's float32 operations, every byte, any width") {
  const float mean[] = {0.485f, 0.456f, 0.406f};
  const float deviations[][3] = {{0.229f, 0.224f, 0.225f}, {0.5f, 0.5f, 0.5f}, {1.0f / 3, 0.1f, 7.7f}};
  for (const auto& std : deviations) {
    for (size_t width = 0; width <= 512; width += width < 35 ? 1 : 13) {
      std::vector<uint8_t> bytes(3 * width);
      std::vector<float> expected;
      for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] =
            static_cast<uint8_t>(i / 3 + 85 * (i % 3));  // 256 pixels bring every byte to every channel
        const float unit = static_cast<float>(bytes[i]) / 255.0f;
        const float centred = unit - mean[i % 3];
        expected.push_back(centred / std[i % 3]);
      }
      const Guarded<uint8_t> rgb(bytes);
      tests::for_each_target([&](const Dispatch& kernels) {
        const Guarded<float> out(3 * width);
        NormaliseRow row = {};
        row.rgb = rgb.data();
        row.mean = mean;
        row.std = std;
        row.out = out.data();
        row.width = width;
        kernels.normalise_row(row);
        REQUIRE(out.values() == expected);
      });
    }
  }
}

TEST_CASE("interleave_row: any width") {
  for (size_t width = 0; width <= kMostNumbers; ++width) {
    const Guarded<float> r(tests::seeded("plane.r", width));
    const Guarded<float> g(tests::seeded("plane.g", width));
    const Guarded<float> b(tests::seeded("plane.b", width));
    tests::for_each_target([&](const Dispatch& kernels) {
      const Guarded<float> out(3 * width);
      kernels.interleave_row({{r.data(), g.data(), b.data()}, out.data(), width});
      for (size_t x = 0; x < width; ++x) {
        REQUIRE(out[3 * x] == r[x]);
        REQUIRE(out[3 * x + 1] == g[x]);
        REQUIRE(out[3 * x + 2] == b[x]);
      }
    });
  }
}

}  // namespace
}  // namespace levit::kernels
