#include "tools/levit/sample_reader.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tools/common/npy.h"
#include "tools/picture/picture.h"

namespace levit::tools {
namespace {

constexpr size_t kTensor = 3 * kPlane;

// The picture that a normalised tensor stands for.
Canvas tensor_colours(const levit_model* model, const std::vector<float>& tensor) {
  const levit_info model_info = info(model);
  Canvas canvas(LEVIT_SIDE, LEVIT_SIDE, {0, 0, 0});
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < kPlane; ++i) {
      const float share = tensor[c * kPlane + i] * model_info.std[c] + model_info.mean[c];
      canvas.rgb[3 * i + c] = static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0.0F, 1.0F)));
    }
  }
  return canvas;
}

}  // namespace

void SubjectReader::read(const Input& input, const std::function<bool(Subject&)>& take) const {
  if (!input.error.empty()) throw std::runtime_error(input.error);
  if (is_npy_name(input.path)) return read_tensors(input.path, take);
  Subject subject = read_picture(input.path);
  take(subject);
}

Subject SubjectReader::read_picture(const std::string& path) const {
  PictureOptions options;
  options.ignore_orientation = ignore_orientation_;
  const Picture picture = load_picture(path, options);
  const levit_image image = picture.image();
  Subject subject;
  subject.path = path;
  subject.picture.width = image.width;
  subject.picture.height = image.height;
  subject.picture.rgb.assign(image.pixels, image.pixels + image.stride * image.height);
  check(levit_preprocess_window(image.width, image.height, resize_, &subject.window));
  subject.view.rgb = preprocess(image, resize_);
  subject.view.tensor.resize(kTensor);
  check(levit_normalise(model_, subject.view.rgb.data(), subject.view.tensor.data()));
  return subject;
}

void SubjectReader::read_tensors(const std::string& path, const std::function<bool(Subject&)>& take) const {
  const NpyFile file(path);
  const std::vector<size_t>& shape = file.shape();
  const std::vector<size_t> one = {3, LEVIT_SIDE, LEVIT_SIDE};
  const bool several = shape.size() == 4;
  if (file.count() == 0 || (several ? std::vector<size_t>(shape.begin() + 1, shape.end()) : shape) != one) {
    throw std::runtime_error("holds no tensor [3,224,224] or [B,3,224,224]");
  }
  for (size_t i = 0; i < file.count() / kTensor; ++i) {
    Subject subject;
    subject.path = path;
    if (several) subject.index = static_cast<int64_t>(i);
    subject.view.tensor.resize(kTensor);
    file.read(i * kTensor, kTensor, subject.view.tensor.data());
    subject.picture = tensor_colours(model_, subject.view.tensor);
    subject.window = {0, 0, LEVIT_SIDE, LEVIT_SIDE};
    if (!take(subject)) return;
  }
}

std::vector<std::vector<float>> read_backgrounds(const SubjectReader& reader, const std::string& path) {
  std::vector<std::vector<float>> tensors;
  std::string cause = "no pictures in it";
  for (const Input& input : list_inputs({path}, false).inputs) {
    try {
      reader.read(input, [&tensors](Subject& subject) {
        tensors.push_back(std::move(subject.view.tensor));
        return true;
      });
    } catch (const std::exception& error) {
      cause = error.what();
    }
  }
  if (tensors.empty()) throw std::runtime_error(path + ": no usable background picture (" + cause + ")");
  return tensors;
}

}  // namespace levit::tools
