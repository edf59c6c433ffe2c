#include "tools/common/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace levit::tools {

MappedFile::MappedFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) throw std::runtime_error(std::strerror(errno));
  struct stat status;
  std::string cause;
  if (fstat(file, &status) != 0) {
    cause = std::strerror(errno);
  } else if (!S_ISREG(status.st_mode)) {
    cause = S_ISDIR(status.st_mode) ? std::strerror(EISDIR) : "not a regular file";
  } else if (status.st_size != 0) {
    size_ = static_cast<size_t>(status.st_size);
    void* const mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) {
      cause = std::strerror(errno);
    } else {
      data_ = static_cast<const char*>(mapped);
    }
  }
  close(file);
  if (!cause.empty()) throw std::runtime_error(cause);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

}  // namespace levit::tools
