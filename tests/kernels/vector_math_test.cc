// The functions of vectors, which no Dispatch holds: compiled here for every target.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/vector_math_test.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/vector_math-inl.h"

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

void widen_all(const uint16_t* half, size_t count, float* to) {
  widen(half, count, to);
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
  void (*widen_all)(const uint16_t*, size_t, float*);
};

constexpr Target kTargets[] = {
#if HWY_TARGETS & HWY_AVX3
    {"AVX3", N_AVX3::exp_all, N_AVX3::widen_all},
#endif
#if HWY_TARGETS & HWY_AVX2
    {"AVX2", N_AVX2::exp_all, N_AVX2::widen_all},
#endif
#if HWY_TARGETS & HWY_SSE4
    {"SSE4", N_SSE4::exp_all, N_SSE4::widen_all},
#endif
#if HWY_TARGETS & HWY_NEON
    {"NEON", N_NEON::exp_all, N_NEON::widen_all},
#endif
#if HWY_TARGETS & HWY_WASM
    {"WASM", N_WASM::exp_all, N_WASM::widen_all},
#endif
#if HWY_TARGETS & HWY_EMU128
    {"SCALAR", N_EMU128::exp_all, N_EMU128::widen_all},
#endif
#if HWY_TARGETS & HWY_SCALAR
    {"SCALAR", N_SCALAR::exp_all, N_SCALAR::widen_all},
#endif
};

// What vector_math-inl.h promises.
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

// Calls `check` with every target that this processor runs.
template <class Check>
void for_each_supported(const Check& check) {
  for (const Target& target : kTargets) {
    if (find_target(target.name) != nullptr) {
      CAPTURE(target.name);
      check(target);
    }
  }
}

void check_exp(const std::vector<float>& x) {
  REQUIRE(x.size() % 64 == 0);
  std::vector<float> y(x.size());
  for_each_supported([&](const Target& target) {
    target.exp_all(x.data(), x.size(), y.data());
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

// Bit patterns from `first` on, `spacing` apart, with both signs.
void check_sweep(uint32_t first, uint32_t last, uint32_t spacing) {
  std::vector<float> x;
  for (uint64_t bits = first; bits <= last; bits += spacing) {
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
  for_each_supported([&](const Target& target) {
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
  });
}

// The value of binary16 bits, from its definition.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * static_cast<double>(INFINITY);
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

TEST_CASE("widen: all 65536 fp16 numbers become their value, alone and on every target") {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<uint16_t>(i);
    const double value = half_value(all[i]);
    const float wide = half_to_float(all[i]);
    if (std::isnan(value)) {
      REQUIRE(std::isnan(wide));
    } else {
      REQUIRE(static_cast<double>(wide) == value);
      REQUIRE(std::signbit(wide) == std::signbit(value));
    }
  }
  for_each_supported([&](const Target& target) {
    const tests::Guarded<uint16_t> in(all);
    const tests::Guarded<float> out(all.size());
    target.widen_all(in.data(), all.size(), out.data());
    for (size_t i = 0; i < all.size(); ++i) {
      const double value = half_value(all[i]);
      REQUIRE((std::isnan(value) ? std::isnan(out[i]) : static_cast<double>(out[i]) == value));
      REQUIRE((std::isnan(value) || std::signbit(out[i]) == std::signbit(value)));
    }
  });
}

TEST_CASE("widen: any count stays within its arrays") {
  for (size_t count = 0; count <= 33; ++count) {
    const tests::Guarded<uint16_t> in(std::vector<uint16_t>(count, 0x3e00));
    for_each_supported([&](const Target& target) {
      const tests::Guarded<float> out(count);
      target.widen_all(in.data(), count, out.data());
      CHECK(out.values() == std::vector<float>(count, 1.5f));
    });
  }
}

}  // namespace
}  // namespace levit::kernels
#endif  // HWY_ONCE
