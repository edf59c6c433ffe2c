// Attributions of pixels: gradients at many points of the input space, summed in float64.
//
// Expected gradients (Erion et al. 2021, arXiv 1906.10670) take the points between the picture and random
// backgrounds, as shap's GradientExplainer draws them; integrated gradients (Sundararajan et al. 2017, arXiv
// 1703.01365) take them on the line from one baseline, by the midpoint rule. Points go through the network a
// batch at a time; every sum has one order, whatever the batch and the number of workers.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/mt19937.h"
#include "runtime/pass.h"
#include "runtime/sized.h"

namespace levit::runtime {
namespace {

using Values = Eigen::Map<Eigen::ArrayXf>;
using ConstValues = Eigen::Map<const Eigen::ArrayXf>;

Eigen::Index index(size_t i) {
  return static_cast<Eigen::Index>(i);
}

// The picture is cut alike for any number of workers, so that sums round alike.
constexpr size_t kParts = 32, kPartialSums = 16;

struct Attribution {
  const levit_context& context;
  const float* tensor;     // the picture explained, [3, side, side]
  const float* direction;  // [classes]
  size_t total;            // pictures to pass in all, for the progress
  size_t done = 0;
  levit_attribution numbers{};

  size_t pixels() const { return layer_floats(config_of(context), LEVIT_INPUT); }
  size_t batch() const { return context.plan.options.batch; }
  double* sums() const { return reinterpret_cast<double*>(context.at(context.plan.sums)); }
  double* squares() const { return reinterpret_cast<double*>(context.at(context.plan.squares)); }
  float* point(size_t i) const { return context.at(context.plan.points) + i * pixels(); }
  const float* gradient(size_t i) const { return context.at(context.plan.d_points) + i * pixels(); }
};

// What both are asked.
levit_status check_attribution(const levit_context* context, const float* tensor, const float* direction,
                               const float* values, const levit_attribution* attribution) {
  if (context == nullptr || values == nullptr) return LEVIT_ARGUMENT;
  if (attribution != nullptr && !is_sized(attribution)) return LEVIT_STRUCT;
  if (!context->plan.options.attribution) return LEVIT_FEATURE;
  const levit_status status = check_scored_input(context, {nullptr, tensor}, 1);
  return status == LEVIT_OK ? check_direction(*context, direction, 1) : status;
}

// Clears the sums and repeats the direction for every picture of a pass.
void begin_attribution(const Attribution& run) {
  std::memset(run.sums(), 0, run.pixels() * sizeof(double));
  std::memset(run.squares(), 0, run.pixels() * sizeof(double));
  const size_t classes = config_of(run.context).classes;
  float* directions = run.context.at(run.context.plan.direction);
  for (size_t i = 0; i < run.batch(); ++i)
    std::memcpy(directions + i * classes, run.direction, classes * sizeof(float));
}

// direction . logits of each of `count` pictures; pictures: the points, or another batch of tensors. Adds to
// *sum.
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

// Gradients of the score at the first `count` points.
levit_status point_gradients(Attribution& run, size_t count) {
  Pass pass{run.context, {nullptr, run.point(0)}, count};
  pass.layer = LEVIT_INPUT;
  pass.gradient = run.context.at(run.context.plan.d_points);
  run.done += count;
  return runtime::run(pass, run.context.at(run.context.plan.logits),
                      run.context.at(run.context.plan.direction));
}

// Tells the progress; LEVIT_CANCELLED when the caller wants no more.
levit_status report_progress(const Attribution& run) {
  const levit_context& context = run.context;
  if (context.progress == nullptr) return LEVIT_OK;
  return context.progress(context.progress_context, run.done, run.total) == 0 ? LEVIT_OK : LEVIT_CANCELLED;
}

// Adds sample[p] = gradient[p] * (tensor[p] - reference[p]) to the sums (reference null: zeros) and, where
// asked, its square to the squares. Returns the sum of the sample, the same for any number of workers. One
// loop and no expression over arrays: it reads each number once and its partial sums are the order of the
// result.
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

// values = sums / samples as float32; and, unless null, the numbers about them.
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
  Values(point, index(count)) = keep * ConstValues(x, index(count)) + rest * ConstValues(b, index(count));
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

// baseline + along * (x - baseline), rounded once; baseline null: zeros.
void interpolate(const float* x, const float* baseline, double along, size_t count, float* point) {
  const auto to = ConstValues(x, index(count)).cast<double>();
  if (baseline == nullptr) {
    Values(point, index(count)) = (0.0 + along * to).cast<float>();
    return;
  }
  const auto from = ConstValues(baseline, index(count)).cast<double>();
  Values(point, index(count)) = (from + along * (to - from)).cast<float>();
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
