// The targets that the kernels are built for. Include before any Highway header.
//
// Only targets whose vectors have a fixed length: a panel is 16 columns, cut into whole vectors at compile
// time. Newer releases of Highway add targets between these; on x86 they would add size and no speed for fp32
// arithmetic.
#ifndef LEVIT_KERNELS_TARGETS_H_
#define LEVIT_KERNELS_TARGETS_H_

#define HWY_DISABLED_TARGETS \
  (~(HWY_AVX3 | HWY_AVX2 | HWY_SSE4 | HWY_NEON | HWY_WASM | HWY_EMU128 | HWY_SCALAR))

#endif  // LEVIT_KERNELS_TARGETS_H_
