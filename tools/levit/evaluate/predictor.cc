#include "tools/levit/evaluate/predictor.h"

#include <chrono>
#include <exception>
#include <stdexcept>

#include "tools/levit/dataset/view.h"
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

std::vector<float> Predictor::logits(levit_input input, std::vector<float>* features) {
  std::vector<float> values(context_.classes());
  check(features != nullptr
            ? levit_classify_features(context_.get(), input, 1, values.data(), features->data())
            : levit_classify(context_.get(), input, 1, values.data()));
  // A sigmoid is the softmax of 0 and its logit.
  if (context_.labels() > context_.classes()) values.insert(values.begin(), 0.0F);
  return values;
}

void Predictor::doubt(const Sample& sample, const std::vector<uint8_t>& plain, Prediction& result) {
  if (plain.empty()) throw std::runtime_error("a tensor has no other views, which --doubt needs");
  for (size_t view = 1; view < kSteadyViews; ++view) {
    const std::vector<uint8_t> rgb =
        steady_view(context_.get(), sample.picture.image(), options_.resize, plain, view);
    result.views.push_back(logits({rgb.data(), nullptr}));
  }
}

void Predictor::look(const Sample& sample, Prediction& result) {
  times_.decode += sample.decode_seconds;
  times_.resize += sample.resize_seconds;
  result.width = sample.width;
  result.height = sample.height;
  result.facts = read_facts(result.path);
  std::vector<uint8_t> plain = sample.rgb;
  if (options_.equalise && !plain.empty()) equalise(&plain);
  if (!plain.empty()) result.colour = mean_colour(plain);
  const Clock::time_point start = Clock::now();
  const bool measures = options_.doubt && info_.familiarity > 0;
  std::vector<float> features(measures ? info_.dims[2] : 0);
  result.logits = logits(plain.empty() ? sample.input() : levit_input{plain.data(), nullptr},
                         measures ? &features : nullptr);
  times_.network += seconds_since(start);
  if (options_.doubt) doubt(sample, plain, result);
  if (measures) check(levit_familiarity(context_.model(), features.data(), 1, &result.distance, nullptr));
  for (size_t change = 0; options_.robust && change < robust_changes().size(); ++change) {
    const Picture picture = changed(sample.picture, change);
    std::vector<uint8_t> rgb = preprocess(picture.image(), options_.resize, context_.get());
    if (options_.equalise) equalise(&rgb);
    result.robust.push_back(logits({rgb.data(), nullptr}));
  }
}

}  // namespace levit::tools
