// A .levit file in memory, and where the default one lies.
#ifndef LEVIT_TOOLS_COMMON_MODEL_FILE_H_
#define LEVIT_TOOLS_COMMON_MODEL_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/common/heap.h"
#include "tools/common/input_file.h"

namespace levit::tools {

// The file to use: `flag` (of --model) unless empty, else the environment variable LEVIT_MODEL, else the
// model built into the program (LEVIT_STANDALONE), else the default model, which lies in ../share/levit
// beside an installed program and in weights/ of the source tree beside a built one. Throws
// std::runtime_error when there is none.
std::string find_model(const std::string& flag);

// A validated weight file in memory. It is read and not mapped: reading lays it into huge pages, while a
// mapping shares the page cache's small ones, whose 3500 first touches can take longer than decoding a
// picture.
class ModelFile {
 public:
  // Throws std::runtime_error naming the file and the cause.
  explicit ModelFile(const std::string& path) : ModelFile(path, Unread{}) { load(); }

  // In two steps, so that a picture can be decoded during the second: of a file that is not loaded only the
  // header is read and nothing checked. Both throw as above.
  struct Unread {};
  ModelFile(const std::string& path, Unread);
  void load();
  // What the header says of resizing; it holds when load() has found the file sound.
  levit_resize announced_resize() const;

  const std::string& path() const { return path_; }
  size_t bytes() const { return bytes_; }
  const levit_model* model() const { return model_; }
  const levit_info& info() const { return info_; }
  const char* label(size_t class_index) const {
    return class_index < labels_.size() ? labels_[class_index] : nullptr;
  }

 private:
  template <typename Step>
  void attempt(const Step& step);
  bool read(size_t most);
  void reserve(size_t capacity);

  std::string path_;
  std::unique_ptr<InputFile> file_;  // until it is read
  Buffer image_;
  const uint8_t* begin_ = nullptr;  // of the image: there, or built into the program
  size_t bytes_ = 0, capacity_ = 0;
  const levit_model* model_ = nullptr;
  levit_info info_{};
  std::vector<const char*> labels_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_MODEL_FILE_H_
