// The targets that the kernels are built for. Include before any Highway header.
//
// Only targets whose vectors have a fixed length: a panel is 16 columns, cut into whole vectors at compile
// time. Newer releases of Highway add targets between these; on x86 they would add size and no speed for fp32
// arithmetic.
#ifndef LEVIT_KERNELS_TARGETS_H_
#define LEVIT_KERNELS_TARGETS_H_

// No kernel encrypts. Else Highway asks for AES and PCLMUL, which -march=x86-64-v2 and -v3 do not promise,
// and a build for one target would come down to scalar code.
#define HWY_DISABLE_PCLMUL_AES

// gcc calls a fused multiply-add of 32-bit ARM __ARM_FEATURE_FMA; Highway asks for clang's name of it.
#if defined(__arm__) && defined(__ARM_FEATURE_FMA) && !defined(__ARM_VFPV4__)
#define __ARM_VFPV4__ 1
#endif

// NEON as every 64-bit ARM has it. Releases of Highway from 1.0.5 on mean NEON with AES by HWY_NEON, and have
// this name for the other; before, the name does not exist, which is 0 to the preprocessor.
#define LEVIT_NEON (HWY_NEON_WITHOUT_AES ? HWY_NEON_WITHOUT_AES : HWY_NEON)

#define HWY_DISABLED_TARGETS \
  (~(HWY_AVX3 | HWY_AVX2 | HWY_SSE4 | LEVIT_NEON | HWY_WASM | HWY_EMU128 | HWY_SCALAR))

#include "hwy/detect_targets.h"

#ifndef HWY_NEON_WITHOUT_AES
#define HWY_NEON_WITHOUT_AES 0
#endif

#if (HWY_STATIC_TARGET == HWY_EMU128 || HWY_STATIC_TARGET == HWY_SCALAR) && \
    (defined(__SSE4_2__) || defined(__ARM_NEON) || defined(__wasm_simd128__))
#error "The compiler has vectors, but this release of Highway names them by a target that is not in this list"
#endif

#endif  // LEVIT_KERNELS_TARGETS_H_
