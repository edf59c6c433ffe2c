// What `levit explain` looks at: a picture file, or one tensor of an .npy file.
#ifndef LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_
#define LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "levit.h"
#include "tools/common/input_list.h"
#include "tools/draw/canvas.h"
#include "tools/levit/explain/explainer.h"

namespace levit::tools {

struct Subject {
  std::string path;
  int64_t index = -1;     // of the tensor in a file [B,3,224,224], else -1
  Canvas picture;         // upright, as found; of a tensor: its values as colours
  levit_window window{};  // what the network sees of it
  View view;
};

// Hands out the subject of a picture, or all subjects of an .npy file one after the other, until `take`
// returns false. Throws std::runtime_error with the cause.
class SubjectReader {
 public:
  SubjectReader(const levit_model* model, levit_resize resize, bool ignore_orientation)
      : model_(model), resize_(resize), ignore_orientation_(ignore_orientation) {}

  void read(const Input& input, const std::function<bool(Subject&)>& take) const;

 private:
  Subject read_picture(const std::string& path) const;
  void read_tensors(const std::string& path, const std::function<bool(Subject&)>& take) const;

  const levit_model* model_;
  levit_resize resize_;
  bool ignore_orientation_;
};

// All tensors of the usable inputs behind `path` (a directory, a picture or an .npy file), for a SHAP
// background. Throws std::runtime_error naming the path when there are none.
std::vector<std::vector<float>> read_backgrounds(const SubjectReader& reader, const std::string& path);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_SAMPLE_READER_H_
