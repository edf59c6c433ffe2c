// exp, log and cos in double precision without the mathematical library, which firmware need not link: within
// a few units of the last place where head training calls them.
#ifndef LEVIT_RUNTIME_ELEMENTARY_H_
#define LEVIT_RUNTIME_ELEMENTARY_H_

#include <cstdint>
#include <cstring>

namespace levit::runtime {

// 1 + x / 1 (1 + x / 2 (1 + x / 3 (...))) to `terms`: the series of exp in Horner's form.
inline double exp_series(double x, int terms) {
  double sum = 1;
  for (int i = terms; i > 0; --i) sum = 1 + sum * x / i;
  return sum;
}

// e^x for x <= 0; what would be subnormal is 0.
inline double exp_of(double x) {
  constexpr double kLog2e = 1.4426950408889634, kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  if (!(x > -708)) return x != x ? x : 0;
  const auto n = static_cast<int64_t>(x * kLog2e - 0.5);  // truncation rounds to the nearest, for x <= 0
  const double rest = (x - static_cast<double>(n) * kLn2High) - static_cast<double>(n) * kLn2Low;
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof power);
  return power * exp_series(rest, 14);
}

// Natural logarithm of a normal positive number, by 2 artanh((m - 1) / (m + 1)) of its mantissa.
inline double log_of(double x) {
  constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33, kSqrt2 = 1.4142135623730951;
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
  double mantissa;
  std::memcpy(&mantissa, &bits, sizeof mantissa);
  if (mantissa > kSqrt2) {
    mantissa /= 2;
    ++exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
  double sum = 0;
  for (int i = 23; i > 0; i -= 2) sum = sum * square + 1.0 / i;
  const auto n = static_cast<double>(exponent);
  return n * kLn2High + (2 * s * sum + n * kLn2Low);
}

// cos(pi x) for x in [0, 1], as sin(pi (1/2 - x)).
inline double cos_pi(double x) {
  constexpr double kPi = 3.141592653589793;
  const double angle = kPi * (0.5 - x), square = angle * angle;
  double sum = 1;
  for (int i = 25; i > 1; i -= 2) sum = 1 - sum * square / (i * (i - 1));
  return angle * sum;
}

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_ELEMENTARY_H_
