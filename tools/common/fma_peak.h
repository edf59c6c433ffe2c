// What one core can do at most: the yardstick of the benchmarks.
#ifndef LEVIT_TOOLS_COMMON_FMA_PEAK_H_
#define LEVIT_TOOLS_COMMON_FMA_PEAK_H_

namespace levit::tools {

// GFLOP/s of independent multiply-adds in registers, vectors as wide as the target's (its name as
// levit_target_name gives it), two operations each; the best of several short runs on the calling thread. 0
// for a target that is not built.
double fma_peak(const char* target);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_FMA_PEAK_H_
