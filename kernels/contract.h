// Contracts of the kernels: what a call must hold. Builds with LEVIT_ASSERTIONS (the presets debug, asan,
// tsan and fuzz) check them and end the program with a line that names the broken one; in others nothing is
// left of them.
#ifndef LEVIT_KERNELS_CONTRACT_H_
#define LEVIT_KERNELS_CONTRACT_H_

#include <cstddef>
#include <cstdint>

#ifdef LEVIT_ASSERTIONS
#include <cstdio>
#include <cstdlib>
#endif

namespace levit::kernels {

#ifdef LEVIT_ASSERTIONS
inline constexpr bool kAssertions = true;

inline void require(bool holds, const char* contract) {
  if (!holds) {
    std::fprintf(stderr, "levit: broken contract: %s\n", contract);
    std::abort();
  }
}
#else
inline constexpr bool kAssertions = false;

constexpr void require(bool, const char*) {}
#endif

inline bool is_aligned(const void* address, size_t bytes) {
  return reinterpret_cast<uintptr_t>(address) % bytes == 0;
}

// Whether the arrays a [a_count] and b [b_count] have no element in common.
template <class T>
bool are_disjoint(const T* a, size_t a_count, const T* b, size_t b_count) {
  const auto at_a = reinterpret_cast<uintptr_t>(a), at_b = reinterpret_cast<uintptr_t>(b);
  return at_a + a_count * sizeof(T) <= at_b || at_b + b_count * sizeof(T) <= at_a;
}

inline void require_scratch(const float* scratch) {
  require(scratch != nullptr && is_aligned(scratch, 64), "scratch is there and 64-byte aligned");
}

}  // namespace levit::kernels

#endif  // LEVIT_KERNELS_CONTRACT_H_
