// How unlike the pictures are that a model is shown to those that it learned from.
//
// With W from the weight file, the inverse of the Cholesky factor of the shared covariance, the squared
// Mahalanobis distance of x to a mean m is |W x - W m|^2. Row i of W needs only the first i + 1 features, and
// is used for some means at once, so that no memory is needed beside a few sums.
#include "weights/familiarity.h"

#include <algorithm>
#include <cmath>

#include "runtime/context.h"
#include "runtime/levit.h"

namespace levit::runtime {
namespace {

using weights::Familiarity;
using weights::kQuantiles;

static_assert(kQuantiles == LEVIT_QUANTILES, "the header and the file agree");

constexpr size_t kSums = 4;  // of a row of W, in turns: an addition does not wait for the one before it
constexpr size_t kMeansAtOnce = 16;  // for which W is read once

// Row i of W times x.
double coordinate(const Familiarity& known, size_t i, const float* x) {
  const int16_t* const row = known.step + i * (i + 1) / 2;
  double sum[kSums] = {};
  size_t j = 0;
  for (; j + kSums <= i + 1; j += kSums)
    for (size_t s = 0; s < kSums; ++s)
      sum[s] += static_cast<double>(row[j + s]) * static_cast<double>(x[j + s]);
  for (; j <= i; ++j) sum[0] += static_cast<double>(row[j]) * static_cast<double>(x[j]);
  return static_cast<double>(known.scale[i]) * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// The squared distance to the nearest mean.
double nearest(const Familiarity& known, const float* x) {
  double least = 0;
  for (size_t first = 0; first < known.means; first += kMeansAtOnce) {
    const size_t count = std::min(kMeansAtOnce, known.means - first);
    double squared[kMeansAtOnce] = {};
    for (size_t i = 0; i < known.features; ++i) {
      const double here = coordinate(known, i, x);
      for (size_t m = 0; m < count; ++m) {
        const double away = here - static_cast<double>(known.mean[(first + m) * known.features + i]);
        squared[m] += away * away;
      }
    }
    const double closest = *std::min_element(squared, squared + count);
    least = first == 0 ? closest : std::min(least, closest);
  }
  return least;
}

// Per cent of the training pictures that lie nearer, between the quantiles along a straight line.
float percentile_of(const float* quantile, float distance) {
  const float* const above = std::upper_bound(quantile, quantile + kQuantiles, distance);
  if (above == quantile) return 0;
  if (above == quantile + kQuantiles) return 100;
  const float low = above[-1], step = *above - low;  // not zero: `above` is larger than `distance`
  const auto at = static_cast<float>(above - quantile - 1) + (distance - low) / step;
  return 100 * at / static_cast<float>(kQuantiles - 1);
}

}  // namespace
}  // namespace levit::runtime

extern "C" levit_status levit_familiarity(const levit_model* model, const float* features, size_t count,
                                          float* distance, float* percentile) {
  using namespace levit::runtime;
  if (model == nullptr || features == nullptr || count == 0) return LEVIT_ARGUMENT;
  const levit::weights::View view = levit::weights::view(model);
  if (view.means == 0) return LEVIT_NO_FAMILIARITY;
  const Familiarity known = levit::weights::familiarity(view);
  if (!all_finite(features, count * known.features)) return LEVIT_NUMBER;
  for (size_t i = 0; i < count; ++i) {
    const auto away = static_cast<float>(std::sqrt(nearest(known, features + i * known.features)));
    if (!all_finite(&away, 1)) return LEVIT_NUMBER;
    if (distance != nullptr) distance[i] = away;
    if (percentile != nullptr) percentile[i] = percentile_of(known.quantile, away);
  }
  return LEVIT_OK;
}
