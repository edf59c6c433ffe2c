#include "runtime/axis.h"

#include "kernels/pixels.h"

namespace levit::runtime {
namespace {

constexpr uint64_t kSide = LEVIT_SIDE;

// Source positions [first, last) under one output position; not mirrored.
struct Span {
  uint64_t first, last;
};

double center(const AxisWeights& weights, uint64_t position) {
  return (static_cast<double>(weights.axis.offset + position) + 0.5) * weights.scale;
}

Span span(const AxisWeights& weights, uint64_t position) {
  const double middle = center(weights, position);
  const double from = middle - weights.support + 0.5,
               to = middle + weights.support + 0.5;  // truncated, as Pillow does
  const auto first = static_cast<int64_t>(from);
  const auto last = static_cast<uint64_t>(to);
  return {first < 0 ? 0 : static_cast<uint64_t>(first), last > weights.axis.in ? weights.axis.in : last};
}

double filter_at(Filter filter, double x) {
  if (x < 0) x = -x;
  if (filter == Filter::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Where the span of `taps` begins in the picture that is not mirrored.
uint64_t plain_first(const AxisWeights& weights, uint64_t position, uint64_t window) {
  const uint64_t first = span(weights, position).first, end = window + weights.extent;
  return first + weights.taps > end ? end - weights.taps : first;
}

uint64_t plain_position(const AxisWeights& weights, uint64_t position) {
  return weights.mirrored ? kSide - 1 - position : position;
}

uint64_t plain_origin(const AxisWeights& weights) {
  return weights.mirrored ? weights.axis.in - weights.origin - weights.extent : weights.origin;
}

}  // namespace

AxisWeights axis_weights(const Axis& axis, bool mirrored) {
  AxisWeights weights{axis, mirrored, static_cast<double>(axis.in) / static_cast<double>(axis.out), 0, 0, 0,
                      0,    0};
  const double stretch = weights.scale > 1 ? weights.scale : 1;
  weights.support = (axis.filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  weights.inverse = 1.0 / stretch;
  const uint64_t first = span(weights, 0).first, last = span(weights, kSide - 1).last;
  weights.origin = mirrored ? axis.in - last : first;
  weights.extent = last - first;
  for (uint64_t position = 0; position < kSide; ++position) {
    const Span s = span(weights, position);
    if (s.last - s.first > weights.taps) weights.taps = s.last - s.first;
  }
  return weights;
}

uint64_t first_tap(const AxisWeights& weights, uint64_t position) {
  const uint64_t window = plain_origin(weights);
  const uint64_t first = plain_first(weights, plain_position(weights, position), window) - window;
  return weights.mirrored ? weights.extent - weights.taps - first : first;
}

void fill_taps(const AxisWeights& weights, uint64_t position, int32_t* taps) {
  const uint64_t plain = plain_position(weights, position);
  const Span s = span(weights, plain);
  const double middle = center(weights, plain);
  const auto filter_of = [&](uint64_t source) {
    return filter_at(weights.axis.filter, (static_cast<double>(source) - middle + 0.5) * weights.inverse);
  };
  double sum = 0;
  for (uint64_t source = s.first; source < s.last; ++source) sum += filter_of(source);

  const uint64_t first = plain_first(weights, plain, plain_origin(weights));
  for (uint64_t j = 0; j < weights.taps; ++j) {
    const uint64_t source = first + j;
    double weight = 0;
    if (source >= s.first && source < s.last) weight = sum != 0 ? filter_of(source) / sum : filter_of(source);
    const double scaled = weight * (1 << kernels::kResampleBits);
    taps[weights.mirrored ? weights.taps - 1 - j : j] =
        static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
  }
}

}  // namespace levit::runtime
