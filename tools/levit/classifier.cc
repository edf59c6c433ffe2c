#include "tools/levit/classifier.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "tools/common/npy.h"
#include "tools/common/signals.h"

namespace levit::tools {
namespace {

constexpr size_t kValues = size_t{LEVIT_SIDE} * LEVIT_SIDE * 3;  // of a picture, as bytes or as floats

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

// The cause alone of a message "path: cause".
std::string without_path(const std::string& message, const std::string& path) {
  return message.compare(0, path.size() + 2, path + ": ") == 0 ? message.substr(path.size() + 2) : message;
}

}  // namespace

Decoded decode(const std::string& path, bool ignore_orientation) {
  Decoded decoded;
  {
    const Stopwatch watch(decoded.seconds);
    try {
      PictureOptions options;
      options.ignore_orientation = ignore_orientation;
      decoded.picture = load_picture(path, options);
    } catch (const std::exception& error) {
      decoded.error = error.what();
    }
  }
  return decoded;
}

Classifier::Classifier(const ModelFile& model, const levit_options& run, const ClassifyOptions& options)
    : model_(model.model()),
      options_(options),
      context_(model_, run),
      pixels_(run.batch * kValues),
      logits_(run.batch * context_.classes()) {}

std::vector<Answer> Classifier::classify(const Input* inputs, size_t count, Decoded* first) {
  std::vector<Answer> answers;
  for (size_t i = 0; i < count; ++i) load(inputs[i], i == 0 ? first : nullptr, answers);
  run_pending(answers);
  return answers;
}

void Classifier::load(const Input& input, Decoded* decoded, std::vector<Answer>& answers) {
  const size_t first = answers.size();
  try {
    if (input.error.empty() && is_npy_name(input.path)) return classify_tensors(input.path, answers);
    answers.emplace_back().path = input.path;
    if (!input.error.empty()) throw std::runtime_error(input.error);
    resize(decoded != nullptr ? std::move(*decoded) : decode(input.path, options_.ignore_orientation),
           answers.back());
    pending_.push_back(first);
    if (pending_.size() * kValues == pixels_.size()) run_pending(answers);
  } catch (const std::exception& error) {
    if (answers.size() == first) answers.emplace_back().path = input.path;
    answers.back().error = without_path(error.what(), input.path);
  }
}

void Classifier::resize(Decoded decoded, Answer& answer) {
  times_.decode += decoded.seconds;
  if (!decoded.error.empty()) throw std::runtime_error(decoded.error);
  const Stopwatch watch(times_.resize);
  const levit_image image = decoded.picture.image();
  size_t bytes = 0;
  check(levit_preprocess_bytes(image.width, image.height, options_.resize, &bytes));
  scratch_.resize(std::max(bytes, scratch_.size()));
  uint8_t* out = pixels_.data() + pending_.size() * kValues;
  check(levit_preprocess(&image, options_.resize, scratch_.data(), scratch_.size(), out));
  answer.width = image.width;
  answer.height = image.height;
}

// One tensor at a time, so that one which is not finite does not take its neighbours with it.
void Classifier::classify_tensors(const std::string& path, std::vector<Answer>& answers) {
  const NpyFile file(path);
  const std::vector<size_t>& shape = file.shape();
  const bool several = shape.size() == 4;
  const std::vector<size_t> picture = {3, LEVIT_SIDE, LEVIT_SIDE};
  if ((!several && shape.size() != 3) || !std::equal(picture.begin(), picture.end(), shape.end() - 3))
    throw std::runtime_error("not of shape [3,224,224] or [B,3,224,224]");
  tensor_.resize(kValues);
  for (size_t i = 0; i < file.count() / kValues && !interrupted(); ++i) {
    Answer& answer = answers.emplace_back();
    answer.path = path;
    answer.width = answer.height = LEVIT_SIDE;
    if (several) answer.index = static_cast<int64_t>(i);
    file.read(i * kValues, kValues, tensor_.data());
    const Stopwatch watch(times_.network);
    const levit_status status = levit_classify(context_.get(), {nullptr, tensor_.data()}, 1, logits_.data());
    if (status == LEVIT_OK) {
      finish(logits_.data(), answer);
    } else {
      answer.error = levit_status_text(status);
    }
  }
}

void Classifier::run_pending(std::vector<Answer>& answers) {
  const size_t count = pending_.size();
  if (count == 0) return;
  const Stopwatch watch(times_.network);
  check(levit_classify(context_.get(), {pixels_.data(), nullptr}, count, logits_.data()));
  for (size_t i = 0; i < count; ++i) finish(logits_.data() + i * context_.classes(), answers[pending_[i]]);
  pending_.clear();
}

void Classifier::finish(const float* logits, Answer& answer) const {
  answer.logits.assign(logits, logits + context_.classes());
  answer.probabilities = context_.probabilities(answer.logits);
  judge(options_.band, answer);
}

}  // namespace levit::tools
