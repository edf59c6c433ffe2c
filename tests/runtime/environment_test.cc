// The floating-point environment is the caller's: what levit.h says of rounding modes, flush-to-zero, traps
// and subnormal numbers.
#include <doctest/doctest.h>

#include <cfenv>
#include <string>
#include <vector>

#include "tests/runtime/goldens.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace levit::tests {
namespace {

// Logits, gradient and map of a picture of bytes, in a row.
std::vector<float> results_of(const OpenModel& model, const std::string& target) {
  const std::vector<uint8_t> bytes = [] {
    std::vector<uint8_t> rgb(kPixels);
    for (size_t i = 0; i < kPixels; ++i) rgb[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
    return rgb;
  }();
  const OpenContext context(model, options_with(LEVIT_GRADIENT, 1, target.c_str()));
  const levit_input input = {bytes.data(), nullptr};
  const float direction[] = {-1, 1};
  std::vector<float> results(2), gradient(kPixels), map(14 * 14);
  REQUIRE(levit_classify(context, input, 1, results.data()) == LEVIT_OK);
  REQUIRE(levit_gradient(context, input, 1, direction, LEVIT_INPUT, gradient.data(), nullptr, nullptr) ==
          LEVIT_OK);
  REQUIRE(levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_STAGE0, map.data(), nullptr) == LEVIT_OK);
  results.insert(results.end(), gradient.begin(), gradient.end());
  results.insert(results.end(), map.begin(), map.end());
  return results;
}

// Each of the three in the size of its own numbers.
void check_near(const std::vector<float>& results, const std::vector<float>& expected, double bar) {
  CHECK(relative_l2(results.data(), expected.data(), 2) < bar);
  CHECK(relative_l2(results.data() + 2, expected.data() + 2, kPixels) < bar);
  CHECK(relative_l2(results.data() + 2 + kPixels, expected.data() + 2 + kPixels, 14 * 14) < bar);
}

// Subnormal numbers are 0, as arguments and as results. False where this processor has no such mode.
bool flush_to_zero(bool on) {
#if defined(__SSE2__)
  constexpr unsigned kFlush = 0x8040;
  _mm_setcsr(on ? _mm_getcsr() | kFlush : _mm_getcsr() & ~kFlush);
  return true;
#elif defined(__aarch64__)
  constexpr uint64_t kFlush = uint64_t{1} << 24;
  uint64_t control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  control = on ? control | kFlush : control & ~kFlush;
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
  return true;
#else
  (void)on;
  return false;
#endif
}

}  // namespace

TEST_CASE("no call changes the rounding mode or does what a program may trap") {
  for (const weights::Type type : {weights::Type::kFloat, weights::Type::kHalf, weights::Type::kInt8}) {
    const OpenModel model(Seed{"tiny", 2, 2, false, type});
    for (const std::string& target : target_names()) {
      CAPTURE(target);
      std::feclearexcept(FE_ALL_EXCEPT);
      results_of(model, target);
      CHECK(std::fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) == 0);
      CHECK(std::fegetround() == FE_TONEAREST);
    }
  }
}

// A directed rounding errs by up to twice as much as the nearest, and always to one side: over a sum of n
// terms that is n / 2^23, where the nearest has its square root. The longest sums here have 288 terms.
TEST_CASE("another rounding mode moves results by rounding errors, and leaves nothing behind") {
  const OpenModel model(Seed{"tiny", 2, 2, true});
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    const std::vector<float> expected = results_of(model, target);
    for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      CAPTURE(mode);
      REQUIRE(std::fesetround(mode) == 0);
      const std::vector<float> results = results_of(model, target);
      std::fesetround(FE_TONEAREST);
      check_near(results, expected, 288 * 0x1p-23 * 10);
    }
    CHECK(results_of(model, target) == expected);
  }
}

// Where no instruction widens fp16, weights below 2^-14 pass through a subnormal float and are lost: measured
// 1.7e-5 of this model, whose weights are small.
TEST_CASE(
    "flushing subnormal numbers to zero moves results by rounding errors, or by the smallest fp16 weights") {
  for (const weights::Type type : {weights::Type::kFloat, weights::Type::kHalf, weights::Type::kInt8}) {
    CAPTURE(static_cast<int>(type));
    const OpenModel model(Seed{"tiny", 2, 2, true, type});
    for (const std::string& target : target_names()) {
      CAPTURE(target);
      const std::vector<float> expected = results_of(model, target);
      if (!flush_to_zero(true)) continue;
      const std::vector<float> results = results_of(model, target);
      flush_to_zero(false);
      const bool widens = target == "AVX3" || target == "AVX2" || target == "NEON";
      check_near(results, expected, type == weights::Type::kHalf && !widens ? 5e-5 : 1e-5);
      CHECK(results_of(model, target) == expected);
    }
  }
}

TEST_CASE("a picture of subnormal numbers is one of zeros") {
  const OpenModel model(Seed{"tiny", 2, 2, true});
  std::vector<float> zeros(kPixels), small(kPixels);
  for (size_t i = 0; i < kPixels; ++i) small[i] = (i % 2 == 0 ? 1.0f : -1.0f) * 0x1p-140f;
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    const OpenContext context(model, options_with(0, 1, target.c_str()));
    float expected[2], logits[2];
    REQUIRE(levit_classify(context, {nullptr, zeros.data()}, 1, expected) == LEVIT_OK);
    REQUIRE(levit_classify(context, {nullptr, small.data()}, 1, logits) == LEVIT_OK);
    CHECK(relative_l2(logits, expected, 2) < 1e-6);
  }
}

}  // namespace levit::tests
