// Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) by the midpoint rule.
#include <cstring>

#include "runtime/attribution.h"

namespace levit::runtime {
namespace {

// baseline + along * (x - baseline), rounded once.
void interpolate(const float* x, const float* baseline, double along, size_t count, float* point) {
  for (size_t i = 0; i < count; ++i) {
    const double from = baseline == nullptr ? 0 : static_cast<double>(baseline[i]);
    point[i] = static_cast<float>(from + along * (static_cast<double>(x[i]) - from));
  }
}

levit_status baseline_score(Attribution& run, const float* baseline, double* score) {
  if (baseline == nullptr) {
    std::memset(run.point(0), 0, run.pixels() * sizeof(float));
    baseline = run.point(0);
  }
  const levit_status status = add_scores(run, baseline, 1, score);
  return status == LEVIT_OK ? report_progress(run) : status;
}

}  // namespace
}  // namespace levit::runtime

extern "C" levit_status levit_integrated_gradients(levit_context* context, const float* tensor,
                                                   const float* baseline, const float* direction,
                                                   size_t steps, float* values,
                                                   levit_attribution* attribution) {
  using namespace levit::runtime;
  if (steps == 0) return LEVIT_ARGUMENT;
  levit_status status = check_attribution(context, tensor, direction, values, attribution);
  if (status == LEVIT_OK && baseline != nullptr) status = check_input(context, {nullptr, baseline}, 1);
  if (status != LEVIT_OK) return status;

  Attribution run{*context, tensor, direction, steps};
  if (attribution != nullptr) {
    run.total += 2;
    status = add_scores(run, tensor, 1, &run.numbers.score);
    if (status == LEVIT_OK) status = baseline_score(run, baseline, &run.numbers.base_value);
    if (status != LEVIT_OK) return status;
  }
  begin_attribution(run);
  for (size_t begin = 0; begin < steps; begin += run.batch()) {
    const size_t count = steps - begin < run.batch() ? steps - begin : run.batch();
    for (size_t i = 0; i < count; ++i) {
      const double along = (static_cast<double>(begin + i) + 0.5) / static_cast<double>(steps);
      interpolate(tensor, baseline, along, run.pixels(), run.point(i));
    }
    status = point_gradients(run, count);
    if (status != LEVIT_OK) return status;
    for (size_t i = 0; i < count; ++i) add_sample(run, run.gradient(i), baseline, false);
    status = report_progress(run);
    if (status != LEVIT_OK) return status;
  }
  return finish_attribution(run, steps, 0, values, attribution);
}
