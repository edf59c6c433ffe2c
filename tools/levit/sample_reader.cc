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

PictureOptions picture_options(const SampleOptions& options) {
  PictureOptions how;
  how.ignore_orientation = options.ignore_orientation;
  how.largest_area = options.largest_area;
  return how;
}

Picture whole_picture(const Input& input, const PictureOptions& options) {
  return input.bytes ? decode_picture(input.bytes->data(), input.bytes->size(), options)
                     : load_picture(input.path, options);
}

// Pixels of a picture that is decoded whole while the model is loaded; larger ones wait for the model.
constexpr size_t kLargestWhole = 4'000'000;

constexpr const char* kRaiseLimit = " (--max-megapixels raises the first)";

}  // namespace

std::string sample_name(const std::string& path, int64_t index) {
  return index < 0 ? path : path + "[" + std::to_string(index) + "]";
}

Decoded decode(const Input& input, const SampleOptions& options) {
  Decoded decoded;
  const auto start = Clock::now();
  try {
    PictureOptions how = picture_options(options);
    how.largest_area = std::min(how.largest_area, kLargestWhole);
    decoded.picture = whole_picture(input, how);
  } catch (const TooLarge&) {
    decoded.large = true;
  } catch (const std::runtime_error& error) {
    decoded.error = without_path(error.what(), input.path);
  }
  decoded.seconds = seconds_since(start);
  return decoded;
}

SampleReader::SampleReader(const levit_model* model, const char* target, levit_resize resize,
                           const SampleOptions& options)
    : resize_(resize), options_(options) {
  levit_options run = levit_default_options();
  run.target = target;
  context_ = std::make_shared<const Context>(model, run);
}

void SampleReader::read(const Input& input, const std::function<bool(Sample&)>& take,
                        Decoded* decoded) const {
  if (!input.error.empty()) throw std::runtime_error(input.error);
  if (is_npy_name(input.path)) return read_tensors(input.path, take);
  Sample sample = decoded != nullptr && !decoded->large ? picture_sample(std::move(*decoded))
                  : options_.whole                      ? picture_sample(load_whole(input))
                                                        : load_rows(input);
  sample.path = input.path;
  take(sample);
}

Decoded SampleReader::load_whole(const Input& input) const {
  Decoded decoded;
  const auto start = Clock::now();
  try {
    decoded.picture = whole_picture(input, picture_options(options_));
  } catch (const TooLarge& error) {
    decoded.error = without_path(error.what(), input.path) + kRaiseLimit;
  } catch (const std::runtime_error& error) {
    decoded.error = without_path(error.what(), input.path);
  }
  decoded.seconds = seconds_since(start);
  return decoded;
}

// Resizing is a part of decoding then.
Sample SampleReader::load_rows(const Input& input) const {
  static thread_local std::vector<uint8_t> scratch;
  Sample sample;
  const auto start = Clock::now();
  sample.rgb.resize(kSampleValues);
  try {
    PictureOptions how = picture_options(options_);
    how.context = context_->get();
    Picture view = input.bytes ? decode_view(input.bytes->data(), input.bytes->size(), how, resize_, scratch,
                                             sample.rgb.data())
                               : load_view(input.path, how, resize_, scratch, sample.rgb.data());
    sample.width = view.width;
    sample.height = view.height;
    sample.incomplete = view.incomplete;
    sample.says = std::move(view.says);
  } catch (const TooLarge& error) {
    throw std::runtime_error(without_path(error.what(), input.path) + kRaiseLimit);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(without_path(error.what(), input.path));
  }
  sample.decode_seconds = seconds_since(start);
  return sample;
}

Sample SampleReader::picture_sample(Decoded decoded) const {
  if (!decoded.error.empty()) throw std::runtime_error(decoded.error);
  Sample sample;
  sample.decode_seconds = decoded.seconds;
  sample.incomplete = decoded.picture.incomplete;
  sample.says = std::move(decoded.picture.says);
  const auto start = Clock::now();
  const levit_image image = decoded.picture.image();
  sample.width = image.width;
  sample.height = image.height;
  sample.rgb = preprocess(image, resize_, context_->get());
  sample.resize_seconds = seconds_since(start);
  if (!options_.whole) return sample;
  check(levit_preprocess_window(image.width, image.height, resize_, &sample.window));
  sample.tensor.resize(kSampleValues);
  check(levit_normalise(context_->get(), sample.rgb.data(), sample.tensor.data()));
  sample.picture = std::move(decoded.picture);
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
