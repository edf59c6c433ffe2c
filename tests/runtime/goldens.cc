#include "tests/runtime/goldens.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/panels.h"
#include "tools/checkpoint/levit_file.h"
#include "weights/reader.h"

namespace levit::tests {
namespace {

size_t layer_floats(const OpenModel& model, levit_layer layer) {
  size_t floats = 0;
  REQUIRE(levit_layer_floats(model, layer, &floats) == LEVIT_OK);
  return floats;
}

}  // namespace

nlohmann::json load_json(const std::string& name) {
  return nlohmann::json::parse(load_text(name));
}

std::vector<float> every(size_t step, const std::vector<float>& values) {
  std::vector<float> some;
  for (size_t i = 0; i < values.size(); i += step) some.push_back(values[i]);
  return some;
}

std::vector<float> tokens_first(const std::vector<float>& values, size_t pictures) {
  constexpr size_t kTokens = 14 * 14;
  std::vector<float> out(values.size());
  const size_t picture = values.size() / pictures, channels = picture / kTokens;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % picture / kTokens, t = i % kTokens;
    out[i / picture * picture + t * channels + c] = values[i];
  }
  return out;
}

tools::FoldedModel folded_of(const OpenModel& model) {
  const weights::View view = weights::view(model.get());
  return tools::read_levit_file({reinterpret_cast<const char*>(view.image), view.bytes});
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / std::sqrt(aa * bb);
}

std::vector<float> activation_of(const OpenModel& model, levit_input input, size_t batch, levit_layer layer,
                                 const char* target, std::vector<float>* logits) {
  const OpenContext context(model, options_with(LEVIT_GRADIENT, static_cast<uint32_t>(batch), target));
  const std::vector<float> direction(batch * model.info().classes);
  std::vector<float> values(batch * layer_floats(model, layer)), gradient(values.size()),
      scores(direction.size());
  REQUIRE(levit_gradient(context, input, batch, direction.data(), layer, gradient.data(), values.data(),
                         scores.data()) == LEVIT_OK);
  if (logits != nullptr) *logits = scores;
  return values;
}

std::vector<float> gradient_of(const OpenModel& model, levit_input input, const float* direction,
                               levit_layer layer, const char* target) {
  const OpenContext context(model, options_with(LEVIT_GRADIENT, 1, target));
  std::vector<float> gradient(layer_floats(model, layer));
  REQUIRE(levit_gradient(context, input, 1, direction, layer, gradient.data(), nullptr, nullptr) == LEVIT_OK);
  return gradient;
}

}  // namespace levit::tests
