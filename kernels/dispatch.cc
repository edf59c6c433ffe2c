// One constant Dispatch for each target, and the choice among those that the processor runs.
#include "kernels/dispatch.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dispatch.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

#define LEVIT_PROTOTYPE(name, Call) void name(const Call&);
LEVIT_FOR_EACH_KERNEL(LEVIT_PROTOTYPE)
#undef LEVIT_PROTOTYPE

constexpr const char* target_name() {
  switch (HWY_TARGET) {
    case HWY_AVX3:
      return "AVX3";
    case HWY_AVX2:
      return "AVX2";
    case HWY_SSE4:
      return "SSE4";
    case LEVIT_NEON:
      return "NEON";
    case HWY_WASM:
      return "WASM";
    default:
      return "SCALAR";
  }
}

#define LEVIT_POINTER(name, Call) name,
#define LEVIT_VJP_POINTER(name, Call) kGradients ? (name) : nullptr,
extern const Dispatch kDispatch;
constexpr Dispatch kDispatch = {target_name(), HWY_LANES(float),
                                LEVIT_FOR_EACH_FORWARD_KERNEL(LEVIT_POINTER)
                                    LEVIT_FOR_EACH_VJP_KERNEL(LEVIT_VJP_POINTER)
                                        LEVIT_FOR_EACH_TRAINING_KERNEL(LEVIT_POINTER)};
#undef LEVIT_VJP_POINTER
#undef LEVIT_POINTER

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86 && (HWY_TARGETS & (HWY_TARGETS - 1))
#include <cpuid.h>
#endif

namespace levit::kernels {
namespace {

constexpr const Dispatch* kDispatches[] = {
#if HWY_TARGETS & HWY_AVX3
    &N_AVX3::kDispatch,
#endif
#if HWY_TARGETS & HWY_AVX2
    &N_AVX2::kDispatch,
#endif
#if HWY_TARGETS & HWY_SSE4
    &N_SSE4::kDispatch,
#endif
#if HWY_TARGETS & HWY_NEON_WITHOUT_AES
    &N_NEON_WITHOUT_AES::kDispatch,
#elif HWY_TARGETS & HWY_NEON
    &N_NEON::kDispatch,
#endif
#if HWY_TARGETS & HWY_WASM
    &N_WASM::kDispatch,
#endif
#if HWY_TARGETS & HWY_EMU128
    &N_EMU128::kDispatch,
#endif
#if HWY_TARGETS & HWY_SCALAR
    &N_SCALAR::kDispatch,
#endif
};
constexpr size_t kCount = sizeof(kDispatches) / sizeof(kDispatches[0]);

// Every target includes the ones after it, so what a processor runs is a tail of kDispatches. Where the
// compiler builds for one target only, or the processor is not x86, what it may emit is what runs.
size_t first_supported() {
#if HWY_ARCH_X86 && (HWY_TARGETS & (HWY_TARGETS - 1))
  __builtin_cpu_init();
  // Leaf 1 is always there on x86-64; asking first whether it is would double the cost, 18 us on a virtual
  // machine.
  unsigned eax, ebx, ecx, edx;
  __cpuid(1, eax, ebx, ecx, edx);
  const bool f16c = (ecx & bit_F16C) != 0;
  const bool sse4 = __builtin_cpu_supports("sse4.2") != 0;
  const bool avx2 = sse4 && f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx3 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  const int64_t best = avx3 ? HWY_AVX3 : avx2 ? HWY_AVX2 : sse4 ? HWY_SSE4 : HWY_SCALAR;
  size_t skip = 0;
  for (const int64_t target : {HWY_AVX3, HWY_AVX2, HWY_SSE4}) {
    skip += (HWY_TARGETS & target) != 0 && target < best;
  }
  return skip;
#else
  return 0;
#endif
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool same_name(const char* a, const char* b) {
  while (*a != '\0' && upper(*a) == upper(*b)) {
    ++a;
    ++b;
  }
  return upper(*a) == upper(*b);
}

}  // namespace

const Dispatch* const* supported_targets(size_t* count) {
  const size_t first = first_supported();
  *count = kCount - first;
  return kDispatches + first;
}

const Dispatch* find_target(const char* name) {
  size_t count;
  const Dispatch* const* targets = supported_targets(&count);
  if (name == nullptr) {
    return targets[0];
  }
  for (size_t i = 0; i < count; ++i) {
    if (same_name(targets[i]->name, name)) {
      return targets[i];
    }
  }
  return nullptr;
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
