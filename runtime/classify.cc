// Pictures to logits, and logits to probabilities.
#include <algorithm>
#include <cstring>

#include "kernels/pixels.h"
#include "kernels/tokens.h"
#include "runtime/context.h"
#include "runtime/pass.h"

namespace levit::runtime {
namespace {

// softmax(logits / temperature) of [count, classes], which may be in place.
levit_status softmax(const kernels::Dispatch& kernels, const float* logits, size_t count, size_t classes,
                     float temperature, float* probabilities) {
  if (!all_finite(logits, count * classes)) return LEVIT_NUMBER;
  for (size_t i = 0; i < count; ++i) {
    const float* from = logits + i * classes;
    float* to = probabilities + i * classes;
    // Subtracted first: divided by a small temperature, the largest alone could overflow, and infinity minus
    // itself is no number. What overflows downwards has probability 0.
    const float largest = *std::max_element(from, from + classes);
    for (size_t k = 0; k < classes; ++k) to[k] = (from[k] - largest) / temperature;
  }
  kernels.softmax({probabilities, probabilities, count, classes});
  return LEVIT_OK;
}

}  // namespace
}  // namespace levit::runtime

using levit::runtime::kChannelsIn;

namespace {

// The softmax of 0 and the logit: 1 - sigmoid, sigmoid. From the last on, so that it may be in place.
levit_status sigmoid(const levit_context& context, const float* logits, size_t count, float* probabilities) {
  constexpr float kLargest = 1e4f;  // where the smaller side has long been 0
  if (!levit::runtime::all_finite(logits, count)) return LEVIT_NUMBER;
  for (size_t i = count; i-- > 0;) {
    const float z = logits[i] / context.network.view.temperature;
    probabilities[2 * i + 1] = z > kLargest ? kLargest : z < -kLargest ? -kLargest : z;
    probabilities[2 * i] = 0;
  }
  context.kernels->softmax({probabilities, probabilities, count, 2});
  return LEVIT_OK;
}

}  // namespace

extern "C" {

levit_status levit_normalise(const levit_context* context, const uint8_t* rgb, float* out) {
  if (context == nullptr || rgb == nullptr || out == nullptr) return LEVIT_ARGUMENT;
  const levit::weights::View& view = context->network.view;
  const levit::kernels::Dispatch& kernels = *context->kernels;
  float row[LEVIT_SIDE * kChannelsIn];
  for (size_t y = 0; y < LEVIT_SIDE; ++y) {
    levit::kernels::NormaliseRow normalise{};
    normalise.rgb = rgb + y * LEVIT_SIDE * kChannelsIn;
    normalise.mean = view.preprocessing.mean;
    normalise.std = view.preprocessing.std;
    normalise.out = row;
    normalise.width = LEVIT_SIDE;
    kernels.normalise_row(normalise);
    for (size_t c = 0; c < kChannelsIn; ++c)
      for (size_t x = 0; x < LEVIT_SIDE; ++x)
        out[(c * LEVIT_SIDE + y) * LEVIT_SIDE + x] = row[x * kChannelsIn + c];
  }
  return LEVIT_OK;
}

levit_status levit_classify(levit_context* context, levit_input input, size_t count, float* logits) {
  if (logits == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = levit::runtime::check_scored_input(context, input, count);
  if (status != LEVIT_OK) return status;
  return levit::runtime::run({*context, input, count}, logits, nullptr);
}

levit_status levit_probabilities(const levit_context* context, const float* logits, size_t count,
                                 float* probabilities) {
  if (context == nullptr || logits == nullptr || probabilities == nullptr || count == 0)
    return LEVIT_ARGUMENT;
  const levit::weights::View& view = context->network.view;
  if (view.no_head) return LEVIT_NO_HEAD;
  const size_t classes = view.config.classes;
  if (view.labels > classes) return sigmoid(*context, logits, count, probabilities);
  return levit::runtime::softmax(*context->kernels, logits, count, classes, view.temperature, probabilities);
}

levit_status levit_softmax(const float* logits, size_t count, size_t classes, float temperature,
                           float* probabilities) {
  if (logits == nullptr || probabilities == nullptr || count == 0 || classes == 0) return LEVIT_ARGUMENT;
  if (!(temperature > 0)) return LEVIT_ARGUMENT;
  return levit::runtime::softmax(*levit::kernels::find_target(nullptr), logits, count, classes, temperature,
                                 probabilities);
}

}  // extern "C"
