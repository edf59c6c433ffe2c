#include "tools/common/interval.h"

#include <doctest/doctest.h>

#include <cmath>

namespace levit::tools {
namespace {

TEST_CASE("Student's t at 95 % equals printed tables") {
  // Abramowitz and Stegun, table 26.10, and the normal limit.
  CHECK(student_t95(1) == doctest::Approx(12.706).epsilon(5e-5));
  CHECK(student_t95(2) == doctest::Approx(4.303).epsilon(2e-4));
  CHECK(student_t95(10) == doctest::Approx(2.228).epsilon(3e-4));
  CHECK(student_t95(30) == doctest::Approx(2.042).epsilon(3e-4));
  CHECK(student_t95(1000000) == doctest::Approx(1.96).epsilon(1e-4));
}

TEST_CASE("the interval of a mean, by hand") {
  const Interval interval = mean_interval({1, 2, 3});  // standard error 1 / sqrt(3)
  CHECK(interval.mean == doctest::Approx(2));
  CHECK(interval.low == doctest::Approx(2 - 4.30265 / std::sqrt(3.0)));
  CHECK(interval.high == doctest::Approx(2 + 4.30265 / std::sqrt(3.0)));
  const Interval equal = mean_interval({5, 5, 5, 5});
  CHECK(equal.low == 5);
  CHECK(equal.high == 5);
}

TEST_CASE("one value says nothing about its spread") {
  const Interval interval = mean_interval({7});
  CHECK(interval.mean == 7);
  CHECK(std::isinf(interval.low));
  CHECK(std::isinf(interval.high));
}

}  // namespace
}  // namespace levit::tools
