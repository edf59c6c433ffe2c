#include "tools/levit/evaluate/predictor.h"

#include <chrono>
#include <exception>

#include "tools/levit/evaluate/robust.h"

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::array<float, 3> mean_colour(const std::vector<uint8_t>& rgb) {
  uint32_t sum[3] = {};
  for (size_t i = 0; i < rgb.size(); ++i) sum[i % 3] += rgb[i];
  const auto pixels = static_cast<float>(rgb.size() / 3);
  return {static_cast<float>(sum[0]) / pixels, static_cast<float>(sum[1]) / pixels,
          static_cast<float>(sum[2]) / pixels};
}

}  // namespace

Prediction Predictor::predict(const Prediction& picture) {
  Prediction result = picture;
  if (!result.error.empty()) return result;
  try {
    reader_.read({result.path, ""}, [&](Sample& sample) {
      look(sample, result);
      return false;  // of an .npy file the first tensor
    });
  } catch (const std::exception& error) {
    result.error = error.what();
  }
  return result;
}

std::vector<float> Predictor::logits(levit_input input) {
  std::vector<float> values = context_.classify(input);
  // A sigmoid is the softmax of 0 and its logit.
  if (context_.labels() > context_.classes()) values.insert(values.begin(), 0.0F);
  return values;
}

void Predictor::look(const Sample& sample, Prediction& result) {
  times_.decode += sample.decode_seconds;
  times_.resize += sample.resize_seconds;
  result.width = sample.width;
  result.height = sample.height;
  result.facts = read_facts(result.path);
  if (!sample.rgb.empty()) result.colour = mean_colour(sample.rgb);
  const Clock::time_point start = Clock::now();
  result.logits = logits(sample.input());
  times_.network += seconds_since(start);
  if (!robust_) return;
  for (size_t change = 0; change < robust_changes().size(); ++change) {
    const Picture picture = changed(sample.picture, change);
    const std::vector<uint8_t> rgb = preprocess(picture.image(), resize_, context_.get());
    result.robust.push_back(logits({rgb.data(), nullptr}));
  }
}

}  // namespace levit::tools
