#include "tools/levit/classifier.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tools/common/input_file.h"
#include "tools/common/signals.h"
#include "tools/levit/dataset/view.h"

namespace levit::tools {
namespace {

// Adds the time until it goes out of scope.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds), start_(Clock::now()) {}
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  const Clock::time_point start_;
};

}  // namespace

Classifier::Classifier(const levit_model* model, const levit_options& run, const SampleReader& reader,
                       levit_resize resize, const UnsureBand& band, size_t views)
    : reader_(reader),
      resize_(resize),
      band_(band),
      views_(views),
      familiarity_(info(model).familiarity > 0),
      context_(model, run),
      pixels_(run.batch * kSampleValues),
      logits_(run.batch * context_.classes()),
      features_(familiarity_ ? run.batch * info(model).dims[2] : 0) {}

std::vector<Verdict> Classifier::classify(const Input* inputs, size_t count, Decoded* first) {
  std::vector<Verdict> verdicts;
  for (size_t i = 0; i < count; ++i) load(inputs[i], i == 0 ? first : nullptr, verdicts);
  run_pending(verdicts);
  return verdicts;
}

void Classifier::load(const Input& input, Decoded* decoded, std::vector<Verdict>& verdicts) {
  try {
    const auto take = [&](Sample& sample) {
      times_.decode += sample.decode_seconds;
      times_.resize += sample.resize_seconds;
      if (sample.rgb.empty()) {
        classify_tensor(sample, verdicts);
        return !interrupted();
      }
      if (views_ > 1) {
        classify_views(sample, verdicts);
        return true;
      }
      std::copy(sample.rgb.begin(), sample.rgb.end(),
                pixels_.begin() + static_cast<long>(pending_.size() * kSampleValues));
      sample.rgb = {};
      places_.push_back(verdicts.size());
      verdicts.emplace_back();
      pending_.push_back(std::move(sample));
      if (pending_.size() * kSampleValues == pixels_.size()) run_pending(verdicts);
      return true;
    };
    if (decoded == nullptr) {
      reader_.read(input, take);
    } else if (decoded->failure) {
      std::rethrow_exception(decoded->failure);
    } else {
      take(decoded->sample);
    }
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    verdicts.push_back(failed(input.path, error.what()));
  }
}

// One tensor at a time, so that one which is not finite does not take its neighbours with it.
void Classifier::classify_tensor(const Sample& sample, std::vector<Verdict>& verdicts) {
  verdicts.emplace_back();
  run(sample.input(), &sample, 1, &verdicts.back());
}

void Classifier::run_pending(std::vector<Verdict>& verdicts) {
  if (pending_.empty()) return;
  std::vector<Verdict> results(pending_.size());
  run({pixels_.data(), nullptr}, pending_.data(), pending_.size(), results.data());
  for (size_t i = 0; i < results.size(); ++i) verdicts[places_[i]] = std::move(results[i]);
  pending_.clear();
  places_.clear();
}

void Classifier::run(levit_input input, const Sample* samples, size_t count, Verdict* verdicts) {
  const Stopwatch watch(times_.network);
  const levit_status status = pass(input, count);
  for (size_t i = 0; i < count; ++i) {
    if (status != LEVIT_OK) {
      verdicts[i] = failed(samples[i], levit_status_text(status));
      continue;
    }
    verdicts[i] = judged(samples[i], context_, logits_.data() + i * context_.classes(), band_);
    if (familiarity_) measure(verdicts[i], features_.data() + i * (features_.size() / batch()));
  }
}

levit_status Classifier::pass(levit_input input, size_t count) {
  return familiarity_
             ? levit_classify_features(context_.get(), input, count, logits_.data(), features_.data())
             : levit_classify(context_.get(), input, count, logits_.data());
}

void Classifier::measure(Verdict& verdict, const float* features) const {
  verdict.measured =
      levit_familiarity(context_.model(), features, 1, &verdict.distance, &verdict.percentile) == LEVIT_OK;
}

// One picture's views, as many at a time as go through the network together. Familiarity is the plain one's.
void Classifier::classify_views(const Sample& sample, std::vector<Verdict>& verdicts) {
  std::vector<float> logits;
  Verdict plain;
  for (size_t first = 0; first < views_; first += batch()) {
    const size_t count = std::min(batch(), views_ - first);
    for (size_t i = 0; i < count; ++i) {
      const std::vector<uint8_t> pixels =
          steady_view(context_.get(), sample.picture.image(), resize_, sample.rgb, first + i);
      std::copy(pixels.begin(), pixels.end(), pixels_.begin() + static_cast<long>(i * kSampleValues));
    }
    const Stopwatch watch(times_.network);
    check(pass({pixels_.data(), nullptr}, count));
    if (first == 0 && familiarity_) measure(plain, features_.data());
    logits.insert(logits.end(), logits_.begin(),
                  logits_.begin() + static_cast<long>(count * context_.classes()));
  }
  verdicts.push_back(judged_by_views(sample, context_, logits, band_));
  verdicts.back().measured = plain.measured;
  verdicts.back().distance = plain.distance;
  verdicts.back().percentile = plain.percentile;
}

}  // namespace levit::tools
