// FGSM and PGD through levit_gradient with respect to the picture.
#include "tools/levit/attack/attacker.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "tools/levit/sample_reader.h"

namespace levit::tools {
namespace {

levit_options with_gradient(levit_options run) {
  run.features |= LEVIT_GRADIENT;
  return run;
}

// Moves each pixel by `step` times the sign of its gradient, and back into the ball and into [0, 1].
void ascend(std::vector<float>& pixels, const std::vector<float>& gradient, const std::vector<float>& centre,
            float step, float epsilon) {
  for (size_t i = 0; i < pixels.size(); ++i) {
    const float sign = gradient[i] > 0 ? 1.0F : gradient[i] < 0 ? -1.0F : 0.0F;
    const float low = std::max(0.0F, centre[i] - epsilon), high = std::min(1.0F, centre[i] + epsilon);
    pixels[i] = std::clamp(pixels[i] + step * sign, low, high);
  }
}

}  // namespace

Attacker::Attacker(const levit_model* model, levit_options run)
    : context_(model, with_gradient(run)),
      info_(info(model)),
      tensor_(kSampleValues),
      gradient_(kSampleValues) {}

void Attacker::normalise(const std::vector<float>& pixels) {
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = c * kPlane; i < (c + 1) * kPlane; ++i)
      tensor_[i] = (pixels[i] - info_.mean[c]) / info_.std[c];
  }
}

size_t Attacker::label_of(const std::vector<float>& logits) const {
  if (logits.size() == 1) return logits[0] > 0 ? 1 : 0;  // the sigmoid of one logit speaks for label 1
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

size_t Attacker::judge(const std::vector<float>& pixels) {
  normalise(pixels);
  return label_of(context_.classify({nullptr, tensor_.data()}));
}

std::vector<float> Attacker::features(const std::vector<float>& pixels) {
  normalise(pixels);
  std::vector<float> values(info_.dims[2]);
  check(levit_features(context_.get(), {nullptr, tensor_.data()}, 1, values.data()));
  return values;
}

// Softmax minus the truth. With one logit or two, only its sign matters and that is known beforehand.
std::vector<float> Attacker::direction(size_t truth) {
  const size_t classes = context_.classes();
  if (classes == 1) return {truth == 1 ? -1.0F : 1.0F};
  std::vector<float> values(classes, 1.0F);
  if (classes > 2) values = context_.probabilities(context_.classify({nullptr, tensor_.data()}));
  values[truth] -= classes > 2 ? 1.0F : 2.0F;
  return values;
}

const std::vector<float>& Attacker::gradient(const std::vector<float>& pixels, size_t truth, bool* right) {
  normalise(pixels);
  const std::vector<float> along = direction(truth);
  std::vector<float> logits(context_.classes());
  check(levit_gradient(context_.get(), {nullptr, tensor_.data()}, 1, along.data(), LEVIT_INPUT,
                       gradient_.data(), nullptr, logits.data()));
  *right = label_of(logits) == truth;
  return gradient_;  // the normalisation scales it by 1 / std, which is positive: signs stay
}

std::vector<float> Attacker::fgsm(const std::vector<float>& pixels, size_t truth, float epsilon) {
  bool right = false;
  std::vector<float> result = pixels;
  ascend(result, gradient(pixels, truth, &right), pixels, epsilon, epsilon);
  return result;
}

std::vector<float> Attacker::pgd(const std::vector<float>& pixels, size_t truth, float epsilon, size_t steps,
                                 uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<float> result = pixels;
  for (float& pixel : result) {
    const auto share = static_cast<float>(static_cast<double>(generator() >> 11) * 0x1p-53);
    pixel = std::clamp(pixel + epsilon * (2 * share - 1), 0.0F, 1.0F);
  }
  const float step = 2.5F * epsilon / static_cast<float>(steps);
  for (size_t i = 0; i < steps; ++i) {
    bool right = false;
    const std::vector<float>& uphill = gradient(result, truth, &right);
    if (!right) break;
    ascend(result, uphill, pixels, step, epsilon);
  }
  return result;
}

float parse_epsilon(const std::string& text) {
  size_t used = 0;
  double value = -1;
  try {
    value = std::stod(text, &used);
    if (used < text.size() && text[used] == '/') {
      size_t more = 0;
      value /= std::stod(text.substr(used + 1), &more);
      used += 1 + more;
    }
  } catch (const std::logic_error&) {
    value = -1;
  }
  if (used != text.size() || !(value > 0 && value <= 1))
    throw std::runtime_error("\"" + text + "\" is not in (0, 1], as 0.01 or 2/255");
  return static_cast<float>(value);
}

std::vector<float> pixels_of(const std::vector<uint8_t>& rgb) {
  std::vector<float> pixels(rgb.size());
  for (size_t i = 0; i < rgb.size(); ++i) pixels[i % 3 * kPlane + i / 3] = static_cast<float>(rgb[i]) / 255;
  return pixels;
}

std::vector<uint8_t> rgb_of(const std::vector<float>& pixels, const std::vector<uint8_t>& original,
                            float epsilon) {
  const long most = std::lround(std::floor(static_cast<double>(epsilon) * 255 + 1e-3));
  std::vector<uint8_t> rgb(original.size());
  for (size_t i = 0; i < rgb.size(); ++i) {
    const long wanted = std::lround(static_cast<double>(pixels[i % 3 * kPlane + i / 3]) * 255);
    const long low = std::max(0L, original[i] - most), high = std::min(255L, original[i] + most);
    rgb[i] = static_cast<uint8_t>(std::clamp(wanted, low, high));
  }
  return rgb;
}

}  // namespace levit::tools
