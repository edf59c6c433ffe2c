#include "kernels/table.h"

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/table.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

// One table per target. Its functions are in the file of each operation.
HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm&);
void gemm_vjp_input(const GemmVjpInput&);
void gemm_vjp_weights(const GemmVjpWeights&);
void conv3x3(const Conv3x3&);
void conv3x3_vjp_input(const Conv3x3VjpInput&);
void conv3x3_vjp_weights(const Conv3x3VjpWeights&);
void attention(const Attention&);
void attention_vjp(const AttentionVjp&);
void softmax(const Softmax&);
void softmax_vjp(const SoftmaxVjp&);
void hardswish(const Hardswish&);
void hardswish_vjp(const HardswishVjp&);
void mean_pool(const MeanPool&);
void mean_pool_vjp(const MeanPoolVjp&);
void subsample(const Subsample&);
void subsample_vjp(const SubsampleVjp&);
void normalise_row(const NormaliseRow&);
void interleave_row(const InterleaveRow&);
void widen_half(const WidenHalf&);
void resample_horizontal(const ResampleHorizontal&);
void resample_vertical(const ResampleVertical&);

constexpr const char* target_name() {
  switch (HWY_TARGET) {
    case HWY_AVX3:
      return "AVX3";
    case HWY_AVX2:
      return "AVX2";
    case HWY_SSE4:
      return "SSE4";
    case HWY_NEON:
      return "NEON";
    case HWY_WASM:
      return "WASM";
    default:
      return "SCALAR";
  }
}

extern const Table kTable;
constexpr Table kTable = {
    target_name(),     HWY_LANES(float),    gemm,       gemm_vjp_input,      gemm_vjp_weights, conv3x3,
    conv3x3_vjp_input, conv3x3_vjp_weights, attention,  attention_vjp,       softmax,          softmax_vjp,
    hardswish,         hardswish_vjp,       mean_pool,  mean_pool_vjp,       subsample,        subsample_vjp,
    normalise_row,     interleave_row,      widen_half, resample_horizontal, resample_vertical};

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86 && (HWY_TARGETS & (HWY_TARGETS - 1))
#include <cpuid.h>
#endif

namespace levit::kernels {
namespace {

constexpr const Table* kTables[] = {
#if HWY_TARGETS & HWY_AVX3
    &N_AVX3::kTable,
#endif
#if HWY_TARGETS & HWY_AVX2
    &N_AVX2::kTable,
#endif
#if HWY_TARGETS & HWY_SSE4
    &N_SSE4::kTable,
#endif
#if HWY_TARGETS & HWY_NEON
    &N_NEON::kTable,
#endif
#if HWY_TARGETS & HWY_WASM
    &N_WASM::kTable,
#endif
#if HWY_TARGETS & HWY_EMU128
    &N_EMU128::kTable,
#endif
#if HWY_TARGETS & HWY_SCALAR
    &N_SCALAR::kTable,
#endif
};
constexpr size_t kTableCount = sizeof(kTables) / sizeof(kTables[0]);

// Every target includes the ones after it, so what a processor runs is a tail of kTables. Where the compiler
// builds for one target only, or the processor is not x86, what it may emit is what runs.
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

const Table* const* supported_tables(size_t* count) {
  const size_t first = first_supported();
  *count = kTableCount - first;
  return kTables + first;
}

const Table* find_table(const char* name) {
  size_t count;
  const Table* const* tables = supported_tables(&count);
  if (name == nullptr) {
    return tables[0];
  }
  for (size_t i = 0; i < count; ++i) {
    if (same_name(tables[i]->name, name)) {
      return tables[i];
    }
  }
  return nullptr;
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
