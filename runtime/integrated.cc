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
  *score = 0;
  if (baseline == nullptr) {
    std::memset(run.point(0), 0, run.pixels() * sizeof(float));
    baseline = run.point(0);
  }
  add_scores(run, baseline, 1, score);
  return report_progress(run);
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
    attribution->score = 0;
    add_scores(run, tensor, 1, &attribution->score);
    status = baseline_score(run, baseline, &attribution->base_value);
    if (status != LEVIT_OK) return status;
  }
  begin_attribution(run);
  for (size_t begin = 0; begin < steps; begin += run.batch()) {
    const size_t count = steps - begin < run.batch() ? steps - begin : run.batch();
    for (size_t i = 0; i < count; ++i) {
      const double along = (static_cast<double>(begin + i) + 0.5) / static_cast<double>(steps);
      interpolate(tensor, baseline, along, run.pixels(), run.point(i));
    }
    point_gradients(run, count);
    for (size_t i = 0; i < count; ++i) add_sample(run, run.gradient(i), baseline, false);
    status = report_progress(run);
    if (status != LEVIT_OK) return status;
  }
  const double sum = mean_of_sums(run, steps, values);
  if (attribution != nullptr) {
    attribution->sum = sum;
    attribution->gap = attribution->score - attribution->base_value - sum;
    attribution->standard_error = 0;
  }
  return LEVIT_OK;
}
