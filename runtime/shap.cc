// Expected gradients (Erion et al. 2021, arXiv 1906.10670), with the sample points of shap's
// GradientExplainer.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/attribution.h"
#include "runtime/mt19937.h"

namespace levit::runtime {
namespace {

// Background picture `index`, checked.
levit_status fetch(const Attribution& run, const levit_shap_options& options, size_t index,
                   const float** picture) {
  *picture = options.background(options.background_context, index);
  if (*picture == nullptr) return LEVIT_ARGUMENT;
  return is_picture(*picture, run.pixels()) ? LEVIT_OK : LEVIT_NUMBER;
}

// alpha x + (1 - alpha) b, rounded to float32 after each operation as torch does.
void blend(const float* x, const float* b, double alpha, size_t count, float* point) {
  const auto keep = static_cast<float>(alpha), rest = static_cast<float>(1.0 - alpha);
  for (size_t i = 0; i < count; ++i) {
    const float a = keep * x[i], c = rest * b[i];
    point[i] = a + c;
  }
}

// Mean and spread of the samples' sums (Welford 1962).
struct Spread {
  size_t count = 0;
  double mean = 0, squares = 0;

  void add(double x) {
    ++count;
    const double step = x - mean;
    mean += step / static_cast<double>(count);
    squares += step * (x - mean);
  }
  double standard_error() const {
    const auto n = static_cast<double>(count);
    return std::sqrt(squares / n / n);
  }
};

// Mean score of the backgrounds.
levit_status base_value(Attribution& run, const levit_shap_options& options, double* value) {
  for (size_t begin = 0; begin < options.backgrounds; begin += run.batch()) {
    const size_t left = options.backgrounds - begin, count = left < run.batch() ? left : run.batch();
    for (size_t i = 0; i < count; ++i) {
      const float* background = nullptr;
      const levit_status status = fetch(run, options, begin + i, &background);
      if (status != LEVIT_OK) return status;
      std::memcpy(run.point(i), background, run.pixels() * sizeof(float));
    }
    levit_status status = add_scores(run, run.point(0), count, value);
    if (status == LEVIT_OK) status = report_progress(run);
    if (status != LEVIT_OK) return status;
  }
  *value /= static_cast<double>(options.backgrounds);
  return LEVIT_OK;
}

// One pass of `count` samples.
levit_status add_samples(Attribution& run, const levit_shap_options& options, size_t count, Mt19937& random,
                         bool squares, Spread& spread) {
  auto* drawn = reinterpret_cast<uint32_t*>(run.context.at(run.context.plan.drawn));
  const float* background = nullptr;
  for (size_t i = 0; i < count; ++i) {
    drawn[i] = random.choice(static_cast<uint32_t>(options.backgrounds));
    const double alpha = random.uniform();
    const levit_status status = fetch(run, options, drawn[i], &background);
    if (status != LEVIT_OK) return status;
    blend(run.tensor, background, alpha, run.pixels(), run.point(i));
  }
  levit_status status = point_gradients(run, count);
  if (status != LEVIT_OK) return status;
  for (size_t i = 0; i < count; ++i) {
    status = fetch(run, options, drawn[i], &background);
    if (status != LEVIT_OK) return status;
    spread.add(add_sample(run, run.gradient(i), background, squares));
  }
  return report_progress(run);
}

// Population variance of the samples over their number.
void variance_of_means(const Attribution& run, size_t samples, float* variance) {
  const auto n = static_cast<double>(samples);
  for (size_t p = 0; p < run.pixels(); ++p) {
    const double mean = run.sums()[p] / n, spread = run.squares()[p] / n - mean * mean;
    variance[p] = spread > 0 ? static_cast<float>(spread / n) : 0;
  }
}

}  // namespace
}  // namespace levit::runtime

extern "C" levit_status levit_shap(levit_context* context, const float* tensor,
                                   const levit_shap_options* options, float* values, float* variance,
                                   levit_attribution* attribution) {
  using namespace levit::runtime;
  if (options == nullptr) return LEVIT_ARGUMENT;
  levit_shap_options known{};
  levit_status status = read_sized(options, &known, sizeof known);
  if (status != LEVIT_OK) return status;
  if (known.reserved != 0) return LEVIT_STRUCT;
  if (known.background == nullptr || known.samples == 0 || known.backgrounds == 0) return LEVIT_ARGUMENT;
  if (known.backgrounds > UINT32_MAX) return LEVIT_ARGUMENT;
  status = check_attribution(context, tensor, known.direction, values, attribution);
  if (status != LEVIT_OK) return status;

  Attribution run{*context, tensor, known.direction, known.samples};
  if (attribution != nullptr) {
    run.total += known.backgrounds + 1;
    status = add_scores(run, tensor, 1, &run.numbers.score);
    if (status == LEVIT_OK) status = base_value(run, known, &run.numbers.base_value);
    if (status != LEVIT_OK) return status;
  }
  begin_attribution(run);
  Mt19937 random(known.seed);
  Spread spread;
  for (size_t begin = 0; begin < known.samples; begin += run.batch()) {
    const size_t left = known.samples - begin;
    status =
        add_samples(run, known, left < run.batch() ? left : run.batch(), random, variance != nullptr, spread);
    if (status != LEVIT_OK) return status;
  }
  if (variance != nullptr) variance_of_means(run, known.samples, variance);
  return finish_attribution(run, known.samples, spread.standard_error(), values, attribution);
}
