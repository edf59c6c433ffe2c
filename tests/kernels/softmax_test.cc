// Softmax and its VJP against the reference in double, complex steps and the goldens.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "doctest/doctest.h"
#include "kernels/reference.h"
#include "kernels/tokens.h"
#include "tests/kernels/support.h"
#include "tests/support/npy.h"

namespace levit::kernels {
namespace {

using tests::Complex;
using tests::Guarded;
using tests::kRounding;

// x - top is rounded once; exp is within 2 ulp, that is 4 roundings; so are numerator and every term of the
// sum, which then takes at most `columns` additions; a division and a product end it. The result is no more
// accurate than 1.7e-38, below which exp gives 0.
std::vector<double> tolerances(const std::vector<double>& y, const float* x, size_t columns) {
  const auto range = std::minmax_element(x, x + columns);
  const double spread =
      std::min(static_cast<double>(*range.second) - static_cast<double>(*range.first), 90.0);
  std::vector<double> bound;
  bound.reserve(y.size());
  for (const double value : y) {
    bound.push_back((2 * (spread + 4) + static_cast<double>(columns) + 3) * kRounding * value + 1.7e-38);
  }
  return bound;
}

TEST_CASE("softmax: every target gives the reference's rows, in place too, and touches nothing behind them") {
  for (size_t columns = 1; columns <= 70; ++columns) {
    CAPTURE(columns);
    const size_t rows = 3;
    const Guarded<float> x(tests::seeded("softmax.x", rows * columns, 40));
    const std::vector<double> exact = tests::converted<double>(x.values());
    std::vector<double> expected(x.size()), bound;
    for (size_t i = 0; i < rows; ++i) {
      reference::softmax(exact.data() + i * columns, columns, expected.data() + i * columns);
    }
    for (size_t i = 0; i < rows; ++i) {
      const std::vector<double> row(expected.data() + i * columns, expected.data() + (i + 1) * columns);
      const std::vector<double> part = tolerances(row, x.data() + i * columns, columns);
      bound.insert(bound.end(), part.begin(), part.end());
    }
    tests::for_each_target([&](const Dispatch& kernels) {
      const Guarded<float> y(x.size());
      std::fill(y.begin(), y.end(), NAN);
      kernels.softmax({x.data(), y.data(), rows, columns});
      tests::check_close(y.data(), expected, bound);
      const Guarded<float> same(x.values());
      kernels.softmax({same.data(), same.data(), rows, columns});
      CHECK(same.values() == y.values());
    });
  }
}

TEST_CASE("softmax: no finite row gives NaN, and every row sums to one") {
  const float huge = std::numeric_limits<float>::max();
  const std::vector<std::vector<float>> list = {{huge, -huge, 0},
                                                {-huge, -huge},
                                                {huge, huge, huge},
                                                {1e4f, -1e4f, 1e4f, -1e4f, 0},
                                                {-0.0f, 0.0f},
                                                {1e-45f, 0, 3},
                                                {huge},
                                                {-huge}};
  for (const std::vector<float>& x : list) {
    CAPTURE(x[0]);
    tests::for_each_target([&](const Dispatch& kernels) {
      for (const size_t copies :
           std::initializer_list<size_t>{1, 20}) {  // a row shorter than any vector, and a long one
        std::vector<float> row;
        for (size_t i = 0; i < copies; ++i) {
          row.insert(row.end(), x.begin(), x.end());
        }
        kernels.softmax({row.data(), row.data(), 1, row.size()});
        double sum = 0;
        for (const float y : row) {
          CHECK(y >= 0);
          sum += static_cast<double>(y);
        }
        CHECK(std::abs(sum - 1) <= static_cast<double>(2 * row.size() + 8) * kRounding);
      }
    });
  }
}

SoftmaxVjp vjp(const float* y, const float* dy, float* dx, size_t rows, size_t columns) {
  SoftmaxVjp s = {};
  s.y = y;
  s.dy = dy;
  s.dx = dx;
  s.rows = rows;
  s.columns = columns;
  return s;
}

TEST_CASE("softmax_vjp: every target gives the complex-step gradient, in place too") {
  for (size_t columns = 1; columns <= 40; ++columns) {
    CAPTURE(columns);
    const size_t rows = 2;
    const std::vector<float> x = tests::seeded("softmax.x", rows * columns, 3);
    const Guarded<float> dy(tests::seeded("softmax.dy", rows * columns));
    const Guarded<float> y(x);
    tests::for_each_target([&](const Dispatch& kernels) {
      kernels.softmax({x.data(), y.data(), rows, columns});
    });
    // The kernel takes y, so the reference differentiates at log y, whose softmax that is.
    std::vector<double> expected, bound;
    for (size_t i = 0; i < rows; ++i) {
      std::vector<Complex> point;
      for (size_t j = 0; j < columns; ++j) {
        point.emplace_back(std::log(static_cast<double>(y[i * columns + j])));
      }
      for (size_t j = 0; j < columns; ++j) {
        point[j].imag(1e-30);
        std::vector<Complex> out(columns);
        reference::softmax(point.data(), columns, out.data());
        point[j].imag(0);
        double sum = 0;
        for (size_t n = 0; n < columns; ++n) {
          sum += static_cast<double>(dy[i * columns + n]) * out[n].imag() / 1e-30;
        }
        expected.push_back(sum);
        // |dy| <= 1: the dot product is a mean, so at most 1, off by two roundings for each term, and y
        // itself sums to one only within the tolerance of softmax with a spread of 6.
        bound.push_back((static_cast<double>(3 * columns) + 30) * kRounding *
                        static_cast<double>(y[i * columns + j]));
      }
    }
    tests::for_each_target([&](const Dispatch& kernels) {
      const Guarded<float> dx(y.size());
      std::fill(dx.begin(), dx.end(), NAN);
      kernels.softmax_vjp(vjp(y.data(), dy.data(), dx.data(), rows, columns));
      tests::check_close(dx.data(), expected, bound);
      const Guarded<float> same(dy.values());
      kernels.softmax_vjp(vjp(y.data(), same.data(), same.data(), rows, columns));
      CHECK(same.values() == dx.values());
    });
  }
}

TEST_CASE("softmax: the golden rows, forward and backward") {
  const tests::Array x = tests::load_npy("kernel/softmax/x.npy");
  const tests::Array y = tests::load_npy("kernel/softmax/y.npy");
  const tests::Array dx = tests::load_npy("kernel/softmax/dx.npy");
  const std::vector<float> dy = tests::seeded("kernel.softmax.dy", x.values.size());
  const size_t rows = x.shape[0], columns = x.shape[1];
  tests::for_each_target([&](const Dispatch& kernels) {
    std::vector<float> actual(x.values.size()), gradient(x.values.size());
    kernels.softmax({x.values.data(), actual.data(), rows, columns});
    kernels.softmax_vjp(vjp(actual.data(), dy.data(), gradient.data(), rows, columns));
    for (size_t i = 0; i < rows; ++i) {
      CAPTURE(i);
      const float* golden = y.values.data() + i * columns;
      const std::vector<double> expected(golden, golden + columns);
      const std::vector<double> bound = tolerances(expected, x.values.data() + i * columns, columns);
      tests::check_close(actual.data() + i * columns, expected, bound);
      // dx = y (dy - dot) with |dy| <= 1: twice y's relative error, once for y and once for the mean.
      const float* golden_dx = dx.values.data() + i * columns;
      std::vector<double> gradient_bound;
      gradient_bound.reserve(columns);
      for (const double value : bound) {
        gradient_bound.push_back(4 * value);
      }
      tests::check_close(gradient.data() + i * columns, {golden_dx, golden_dx + columns}, gradient_bound);
    }
  });
}

}  // namespace
}  // namespace levit::kernels
