#include "tools/levit/evaluate/predictor.h"

#include <chrono>
#include <stdexcept>

#include "tools/picture/picture.h"

namespace levit::tools {
namespace {

levit_options context_options(const PredictOptions& options) {
  levit_options run = levit_default_options();
  run.target = options.target;
  return run;
}

// Seconds since the last call.
class Lap {
 public:
  double operator()() {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

std::array<float, 3> mean_colour(const std::vector<uint8_t>& rgb) {
  uint32_t sum[3] = {};
  for (size_t i = 0; i < rgb.size(); ++i) sum[i % 3] += rgb[i];
  const auto pixels = static_cast<float>(rgb.size() / 3);
  return {static_cast<float>(sum[0]) / pixels, static_cast<float>(sum[1]) / pixels,
          static_cast<float>(sum[2]) / pixels};
}

}  // namespace

Predictor::Predictor(const ModelFile& model, const PredictOptions& options)
    : options_(options), context_(model.model(), context_options(options)) {}

Prediction Predictor::predict(const Prediction& picture) {
  Prediction result = picture;
  if (!result.error.empty()) return result;
  try {
    look(result);
  } catch (const std::exception& error) {
    const std::string text = error.what(), prefix = picture.path + ": ";
    result.error = text.compare(0, prefix.size(), prefix) == 0 ? text.substr(prefix.size()) : text;
  }
  return result;
}

void Predictor::look(Prediction& result) {
  Lap lap;
  PictureOptions reading;
  reading.ignore_orientation = options_.ignore_orientation;
  const Picture pixels = load_picture(result.path, reading);
  result.width = pixels.width;
  result.height = pixels.height;
  result.facts = read_facts(result.path);
  times_.decode += lap();
  const std::vector<uint8_t> rgb = preprocess(pixels.image(), options_.resize);
  result.colour = mean_colour(rgb);
  times_.resize += lap();
  result.logits = context_.classify({rgb.data(), nullptr});
  times_.network += lap();
}

}  // namespace levit::tools
