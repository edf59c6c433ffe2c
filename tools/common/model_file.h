// A .levit file in memory, and where the default one lies.
#ifndef LEVIT_TOOLS_COMMON_MODEL_FILE_H_
#define LEVIT_TOOLS_COMMON_MODEL_FILE_H_

#include <string>

#include "levit.h"

namespace levit::tools {

// The file to use: `flag` (of --model) unless empty, else the environment variable LEVIT_MODEL, else the
// default model, which lies in ../share/levit beside an installed program and in weights/ of the source tree
// beside a built one. Throws std::runtime_error when there is none.
std::string find_model(const std::string& flag);

// A validated weight file. A regular file is mapped read-only and shared, so that only the pages in use take
// memory; anything else (a pipe) is read.
class ModelFile {
 public:
  // Throws std::runtime_error naming the file and the cause.
  explicit ModelFile(const std::string& path);
  ~ModelFile();
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::string& path() const { return path_; }
  size_t bytes() const { return bytes_; }
  const levit_model* model() const { return model_; }
  const levit_info& info() const { return info_; }
  const char* label(size_t class_index) const { return levit_label(model_, class_index); }

 private:
  void load();
  void release();

  std::string path_;
  void* image_ = nullptr;
  size_t bytes_ = 0;
  bool mapped_ = false;
  const levit_model* model_ = nullptr;
  levit_info info_{};
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_MODEL_FILE_H_
