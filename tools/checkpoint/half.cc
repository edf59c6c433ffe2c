#include "tools/checkpoint/half.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace levit::tools {
namespace {

constexpr int kFractionBits = 52, kBias = 1023;  // of double
constexpr int kHalfFractionBits = 10, kHalfBias = 15, kHalfMinExponent = -14;

}  // namespace

Half round_to_half(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000);
  const int exponent = static_cast<int>(bits >> kFractionBits & 0x7ff) - kBias;
  if (exponent < -25) return {sign, std::copysign(0.0, value)};
  if (exponent > kHalfBias) return {static_cast<uint16_t>(sign | 0x7c00), std::copysign(HUGE_VAL, value)};

  // The magnitude in units of the half's last place: its lowest `drop` bits are rounded away.
  const int normal = exponent < kHalfMinExponent ? kHalfMinExponent : exponent;
  const int drop = kFractionBits - kHalfFractionBits + (normal - exponent);
  const uint64_t mantissa = (bits & ((uint64_t{1} << kFractionBits) - 1)) | uint64_t{1} << kFractionBits;
  const uint64_t rest = mantissa & ((uint64_t{1} << drop) - 1), tie = uint64_t{1} << (drop - 1);
  uint64_t units = mantissa >> drop;
  if (rest > tie || (rest == tie && units % 2 == 1)) ++units;

  // `units` carries the implicit bit, and a rounding carry with it, into the exponent; subnormals have
  // neither.
  const uint64_t magnitude = units + (static_cast<uint64_t>(normal - kHalfMinExponent) << kHalfFractionBits);
  const double stored =
      magnitude >= 0x7c00 ? HUGE_VAL : std::ldexp(static_cast<double>(units), normal - kHalfFractionBits);
  return {static_cast<uint16_t>(sign | magnitude), std::copysign(stored, value)};
}

}  // namespace levit::tools
