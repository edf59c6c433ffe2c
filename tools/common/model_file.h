// A .levit file in memory, and where the default one lies.
#ifndef LEVIT_TOOLS_COMMON_MODEL_FILE_H_
#define LEVIT_TOOLS_COMMON_MODEL_FILE_H_

#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/common/heap.h"

namespace levit::tools {

class InputFile;

// The file to use: `flag` (of --model) unless empty, else the environment variable LEVIT_MODEL, else the
// default model, which lies in ../share/levit beside an installed program and in weights/ of the source tree
// beside a built one. Throws std::runtime_error when there is none.
std::string find_model(const std::string& flag);

// A validated weight file in memory. It is read and not mapped: reading lays it into huge pages, while a
// mapping shares the page cache's small ones, whose 3500 first touches can take longer than decoding a
// picture.
class ModelFile {
 public:
  // Throws std::runtime_error naming the file and the cause.
  explicit ModelFile(const std::string& path);

  const std::string& path() const { return path_; }
  size_t bytes() const { return bytes_; }
  const levit_model* model() const { return model_; }
  const levit_info& info() const { return info_; }
  const char* label(size_t class_index) const {
    return class_index < labels_.size() ? labels_[class_index] : nullptr;
  }

 private:
  void read(InputFile& file);
  void reserve(size_t capacity);

  std::string path_;
  Buffer image_;
  size_t bytes_ = 0, capacity_ = 0;
  const levit_model* model_ = nullptr;
  levit_info info_{};
  std::vector<const char*> labels_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_MODEL_FILE_H_
