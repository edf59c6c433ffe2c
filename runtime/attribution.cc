#include "runtime/attribution.h"

#include <cstring>

#include "runtime/pass.h"

namespace levit::runtime {
namespace {

// The picture is cut alike for any number of workers, so that sums round alike.
constexpr size_t kParts = 32, kPartialSums = 16;

}  // namespace

size_t Attribution::pixels() const {
  return kChannelsIn * config_of(context).side * config_of(context).side;
}

levit_status check_attribution(const levit_context* context, const float* tensor, const float* direction,
                               const float* values, const levit_attribution* attribution) {
  if (context == nullptr || values == nullptr) return LEVIT_ARGUMENT;
  if (attribution != nullptr && !is_sized(attribution)) return LEVIT_STRUCT;
  if (!context->plan.options.attribution) return LEVIT_FEATURE;
  const levit_status status = check_scored_input(context, {nullptr, tensor}, 1);
  return status == LEVIT_OK ? check_direction(*context, direction, 1) : status;
}

void begin_attribution(const Attribution& run) {
  std::memset(run.sums(), 0, run.pixels() * sizeof(double));
  std::memset(run.squares(), 0, run.pixels() * sizeof(double));
  const size_t classes = config_of(run.context).classes;
  float* directions = run.context.at(run.context.plan.direction);
  for (size_t i = 0; i < run.batch(); ++i)
    std::memcpy(directions + i * classes, run.direction, classes * sizeof(float));
}

levit_status add_scores(Attribution& run, const float* pictures, size_t count, double* sum) {
  const size_t classes = config_of(run.context).classes;
  float* logits = run.context.at(run.context.plan.logits);
  const levit_status status = runtime::run({run.context, {nullptr, pictures}, count}, logits, nullptr);
  for (size_t i = 0; i < count; ++i)
    for (size_t k = 0; k < classes; ++k)
      *sum += static_cast<double>(run.direction[k]) * static_cast<double>(logits[i * classes + k]);
  run.done += count;
  return status;
}

levit_status point_gradients(Attribution& run, size_t count) {
  Pass pass{run.context, {nullptr, run.point(0)}, count};
  pass.layer = LEVIT_INPUT;
  pass.gradient = run.context.at(run.context.plan.d_points);
  run.done += count;
  return runtime::run(pass, run.context.at(run.context.plan.logits),
                      run.context.at(run.context.plan.direction));
}

levit_status report_progress(const Attribution& run) {
  const levit_context& context = run.context;
  if (context.progress == nullptr) return LEVIT_OK;
  return context.progress(context.progress_context, run.done, run.total) == 0 ? LEVIT_OK : LEVIT_CANCELLED;
}

double add_sample(const Attribution& run, const float* gradient, const float* reference, bool squares) {
  double partial[kParts];
  parallel(run.context.workers, kParts, [&](size_t part, size_t) {
    const Range range = part_of(run.pixels(), kPartialSums, kParts, part);
    double* sums = run.sums();
    double* square_sums = run.squares();
    double partial_sums[kPartialSums] = {};
    for (size_t p = range.begin; p < range.end; p += kPartialSums) {
      for (size_t i = 0; i < kPartialSums; ++i) {
        const float from = reference == nullptr ? 0 : reference[p + i];
        const double sample =
            static_cast<double>(gradient[p + i]) * static_cast<double>(run.tensor[p + i] - from);
        sums[p + i] += sample;
        if (squares) square_sums[p + i] += sample * sample;
        partial_sums[i] += sample;
      }
    }
    partial[part] = 0;
    for (const double s : partial_sums) partial[part] += s;
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return sum;
}

levit_status finish_attribution(Attribution& run, size_t samples, double standard_error, float* values,
                                levit_attribution* attribution) {
  double sum = 0;
  for (size_t p = 0; p < run.pixels(); ++p) {
    const double mean = run.sums()[p] / static_cast<double>(samples);
    values[p] = static_cast<float>(mean);
    sum += mean;
  }
  if (!all_finite(values, run.pixels())) return LEVIT_NUMBER;
  if (attribution == nullptr) return LEVIT_OK;
  run.numbers.sum = sum;
  run.numbers.gap = run.numbers.score - run.numbers.base_value - sum;
  run.numbers.standard_error = standard_error;
  write_sized(attribution, &run.numbers, sizeof run.numbers);
  return LEVIT_OK;
}

}  // namespace levit::runtime
