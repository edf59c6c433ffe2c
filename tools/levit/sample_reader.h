// From an input to what the network sees: the one sample of a picture file, or every tensor of an .npy file.
#ifndef LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_
#define LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/common/input_list.h"
#include "tools/picture/picture.h"

namespace levit::tools {

inline constexpr size_t kPlane = size_t{LEVIT_SIDE} * LEVIT_SIDE;
inline constexpr size_t kSampleValues = 3 * kPlane;  // of a sample, as bytes or as floats

// Where the time of a worker went, in seconds.
struct StageTimes {
  double decode = 0, resize = 0, network = 0;
};

struct Sample {
  std::string path;
  int64_t index = -1;             // of the tensor in a file [B,3,224,224], else -1
  size_t width = 0, height = 0;   // of the picture as found, upright
  bool incomplete = false;        // pixels are missing from the file or made up
  std::vector<std::string> says;  // what the file says of itself; no part of any verdict
  std::vector<uint8_t> rgb;       // [224][224][3], a picture in the network's size; empty for a tensor
  std::vector<float> tensor;      // [3][224][224], normalised; of a picture only with SampleOptions::whole
  Picture picture;                // all pixels as found, upright; only with SampleOptions::whole
  levit_window window{};          // what the network sees of them
  double decode_seconds = 0, resize_seconds = 0;

  levit_input input() const {
    return rgb.empty() ? levit_input{nullptr, tensor.data()} : levit_input{rgb.data(), nullptr};
  }
};

// "path", or "path[index]" for a tensor among several.
std::string sample_name(const std::string& path, int64_t index);

struct SampleOptions {
  bool ignore_orientation = false;
  bool whole = false;                                   // keep the picture as found too, and normalise it
  size_t largest_area = PictureOptions().largest_area;  // pixels
};

// The one sample of a picture file (not of an .npy file), resized while it is decoded: options.whole is not
// looked at. That needs no model, and may run while one is loaded. `context`: whose instruction set resizes;
// null: the best. Throws as SampleReader::read().
Sample picture_sample(const Input& input, const SampleOptions& options, levit_resize resize,
                      const levit_context* context);

class SampleReader {
 public:
  // target: the instruction set that resizes and normalises; null: the best. `model` must outlive this.
  SampleReader(const levit_model* model, const char* target, levit_resize resize,
               const SampleOptions& options);

  // Hands out the samples of an input one after the other until `take` returns false. Throws
  // std::runtime_error with the cause alone, without the path, or Interrupted. Any number of threads may read
  // at once.
  void read(const Input& input, const std::function<bool(Sample&)>& take) const;

 private:
  Sample whole_sample(const Input& input) const;
  void read_tensors(const std::string& path, const std::function<bool(Sample&)>& take) const;

  std::shared_ptr<const Context> context_;  // for its instruction set; no picture goes through it
  levit_resize resize_;
  SampleOptions options_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_
