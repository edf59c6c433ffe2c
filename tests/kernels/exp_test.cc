#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/exp_test.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

// y = exp(x); count is a multiple of 64.
void exp_all(const float* x, size_t count, float* y) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < count; i += 4 * lanes) {
    hn::Vec<decltype(d)> e[4] = {hn::LoadU(d, x + i), hn::LoadU(d, x + i + lanes),
                                 hn::LoadU(d, x + i + 2 * lanes), hn::LoadU(d, x + i + 3 * lanes)};
    exp_lanes(d, e);
    for (size_t j = 0; j < 4; ++j) {
      hn::StoreU(e[j], d, y + i + j * lanes);
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "doctest/doctest.h"
#include "tests/kernels/support.h"

namespace levit::kernels {
namespace {

struct Target {
  const char* name;
  void (*exp_all)(const float*, size_t, float*);
};

constexpr Target kTargets[] = {
#if HWY_TARGETS & HWY_AVX3
    {"AVX3", N_AVX3::exp_all},
#endif
#if HWY_TARGETS & HWY_AVX2
    {"AVX2", N_AVX2::exp_all},
#endif
#if HWY_TARGETS & HWY_SSE4
    {"SSE4", N_SSE4::exp_all},
#endif
#if HWY_TARGETS & HWY_NEON
    {"NEON", N_NEON::exp_all},
#endif
#if HWY_TARGETS & HWY_WASM
    {"WASM", N_WASM::exp_all},
#endif
#if HWY_TARGETS & HWY_EMU128
    {"SCALAR", N_EMU128::exp_all},
#endif
#if HWY_TARGETS & HWY_SCALAR
    {"SCALAR", N_SCALAR::exp_all},
#endif
};

// What exp-inl.h promises.
constexpr double kUlps = 2;
constexpr float kFlushed = -86.98f;  // below this the result is 0 where the true one is under 1.7e-38

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The distance from the true value in units of that value's last place; infinity for a broken promise.
double error_in_ulps(float x, float y) {
  const double expected = std::exp(static_cast<double>(x));
  if (y == 0) {
    return x < kFlushed ? 0 : HUGE_VAL;
  }
  if (std::isinf(y)) {
    return expected > static_cast<double>(std::numeric_limits<float>::max()) ? 0 : HUGE_VAL;
  }
  int exponent = 0;
  std::frexp(expected, &exponent);
  const double error = std::abs(static_cast<double>(y) - expected) / std::ldexp(1.0, exponent - 24);
  return std::isnan(error) ? HUGE_VAL : error;
}

void check_exp(const std::vector<float>& x) {
  REQUIRE(x.size() % 64 == 0);
  std::vector<float> y(x.size());
  tests::for_each_table([&](const Table& table) {
    const auto* target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                      [&](const Target& t) { return std::strcmp(t.name, table.name) == 0; });
    REQUIRE(target != std::end(kTargets));
    target->exp_all(x.data(), x.size(), y.data());
    double worst = 0;
    float worst_x = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double error = error_in_ulps(x[i], y[i]);
      if (error > worst) {
        worst = error;
        worst_x = x[i];
      }
    }
    CAPTURE(worst_x);
    CHECK(worst <= kUlps);
  });
}

// Bit patterns from `first` on, `step` apart, with both signs.
void check_sweep(uint32_t first, uint32_t last, uint32_t step) {
  std::vector<float> x;
  for (uint64_t bits = first; bits <= last; bits += step) {
    x.push_back(from_bits(static_cast<uint32_t>(bits)));
    x.push_back(-x.back());
    if (x.size() == 1 << 16) {
      check_exp(x);
      x.clear();
    }
  }
  x.resize((x.size() + 63) / 64 * 64);
  check_exp(x);
}

TEST_CASE("exp: within 2 ulp for every magnitude of its argument") {
  check_sweep(0x00000000, 0x7f7fffff, 4999);  // every finite float, from zero and the subnormals on
  check_sweep(0x31800000, 0x43000000, 499);  // 2^-28 to 128: where the result is neither 1 nor 0 nor infinite
}

TEST_CASE("exp: the ends of its range") {
  const float top = 88.72283f;  // the largest float whose exponential is one
  std::vector<float> x = {0.0f,      -0.0f,      1.0f,    -1.0f,    top,    std::nextafter(top, 89.0f),
                          1e4f,      -1e4f,      -87.0f,  -86.98f,  -88.0f, -104.0f,
                          HUGE_VALF, -HUGE_VALF, 3.4e38f, -3.4e38f, 1e-45f, -1e-45f};
  x.resize(64);
  check_exp(x);
  std::vector<float> y(64);
  for (const Target& target : kTargets) {
    if (find_table(target.name) == nullptr) {
      continue;
    }
    CAPTURE(target.name);
    target.exp_all(x.data(), x.size(), y.data());
    CHECK(y[0] == 1);
    CHECK(y[1] == 1);
    CHECK(std::isfinite(y[4]));
    CHECK(std::isinf(y[5]));
    CHECK(std::isinf(y[6]));
    CHECK(y[7] == 0);
    CHECK(y[9] > 0);
    CHECK(std::isinf(y[12]));
    CHECK(y[13] == 0);
  }
}

}  // namespace
}  // namespace levit::kernels
#endif  // HWY_ONCE
