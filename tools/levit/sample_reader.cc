// Pictures and .npy tensors as samples: which are decoded whole, which by rows, and what is said when neither
// works.
#include "tools/levit/sample_reader.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "tools/common/npy.h"

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The cause alone of a message "path: cause".
std::string without_path(const std::string& message, const std::string& path) {
  return message.compare(0, path.size() + 2, path + ": ") == 0 ? message.substr(path.size() + 2) : message;
}

PictureOptions picture_options(const SampleOptions& options, const levit_context* context) {
  PictureOptions how;
  how.ignore_orientation = options.ignore_orientation;
  how.largest_area = options.largest_area;
  how.context = context;
  return how;
}

// Runs what decodes the input, and makes causes of its errors.
template <typename Decode>
Picture of_input(const Input& input, const Decode& decode) {
  try {
    return decode();
  } catch (const TooLarge& error) {
    throw std::runtime_error(without_path(error.what(), input.path) + kRaiseLimit);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(without_path(error.what(), input.path));
  }
}

void describe(const Input& input, Picture& picture, Sample& sample) {
  sample.path = input.path;
  sample.width = picture.width;
  sample.height = picture.height;
  sample.incomplete = picture.incomplete;
  sample.says = std::move(picture.says);
}

}  // namespace

std::string sample_name(const std::string& path, int64_t index) {
  return index < 0 ? path : path + "[" + std::to_string(index) + "]";
}

Sample picture_sample(const Input& input, const SampleOptions& options, levit_resize resize,
                      const levit_context* context) {
  static thread_local std::vector<uint8_t> scratch;
  const PictureOptions how = picture_options(options, context);
  Sample sample;
  sample.rgb.resize(kSampleValues);
  uint8_t* const out = sample.rgb.data();
  const auto start = Clock::now();
  Picture view = of_input(input, [&] {
    return input.bytes ? decode_view(input.bytes->data(), input.bytes->size(), how, resize, scratch, out)
                       : load_view(input.path, how, resize, scratch, out);
  });
  sample.decode_seconds = seconds_since(start);  // resizing is a part of it
  describe(input, view, sample);
  return sample;
}

SampleReader::SampleReader(const levit_model* model, const char* target, levit_resize resize,
                           const SampleOptions& options)
    : resize_(resize), options_(options) {
  levit_options run = levit_default_options();
  run.target = target;
  context_ = std::make_shared<const Context>(model, run);
}

void SampleReader::read(const Input& input, const std::function<bool(Sample&)>& take) const {
  if (!input.error.empty()) throw std::runtime_error(input.error);
  if (is_npy_name(input.path)) return read_tensors(input.path, take);
  Sample sample =
      options_.whole ? whole_sample(input) : picture_sample(input, options_, resize_, context_->get());
  take(sample);
}

Sample SampleReader::whole_sample(const Input& input) const {
  const PictureOptions how = picture_options(options_, context_->get());
  Sample sample;
  const auto start = Clock::now();
  sample.picture = of_input(input, [&] {
    return input.bytes ? decode_picture(input.bytes->data(), input.bytes->size(), how)
                       : load_picture(input.path, how);
  });
  sample.decode_seconds = seconds_since(start);
  describe(input, sample.picture, sample);
  const auto decoded = Clock::now();
  const levit_image image = sample.picture.image();
  sample.rgb = preprocess(image, resize_, context_->get());
  sample.resize_seconds = seconds_since(decoded);
  check(levit_preprocess_window(image.width, image.height, resize_, &sample.window));
  sample.tensor.resize(kSampleValues);
  check(levit_normalise(context_->get(), sample.rgb.data(), sample.tensor.data()));
  return sample;
}

void SampleReader::read_tensors(const std::string& path, const std::function<bool(Sample&)>& take) const {
  try {
    const NpyFile file(path);
    const std::vector<size_t>& shape = file.shape();
    const std::vector<size_t> one = {3, LEVIT_SIDE, LEVIT_SIDE};
    const bool several = shape.size() == 4;
    if ((several ? std::vector<size_t>(shape.begin() + 1, shape.end()) : shape) != one)
      throw std::runtime_error("not of shape [3,224,224] or [B,3,224,224]");
    if (file.count() == 0) throw std::runtime_error("holds no tensor (its shape is [0,3,224,224])");
    for (size_t i = 0; i < file.count() / kSampleValues; ++i) {
      Sample sample;
      sample.path = path;
      sample.width = sample.height = LEVIT_SIDE;
      sample.window = {0, 0, LEVIT_SIDE, LEVIT_SIDE};
      if (several) sample.index = static_cast<int64_t>(i);
      sample.tensor.resize(kSampleValues);
      file.read(i * kSampleValues, kSampleValues, sample.tensor.data());
      if (!take(sample)) return;
    }
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(without_path(error.what(), path));
  }
}

}  // namespace levit::tools
