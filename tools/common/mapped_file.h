// A file's bytes, mapped: what is not looked at takes no memory.
#ifndef LEVIT_TOOLS_COMMON_MAPPED_FILE_H_
#define LEVIT_TOOLS_COMMON_MAPPED_FILE_H_

#include <string>
#include <string_view>

namespace levit::tools {

class MappedFile {
 public:
  // Throws std::runtime_error with the cause if it is not a regular file that can be read.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_MAPPED_FILE_H_
