#include "tools/common/model_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace levit::tools {
namespace {

constexpr char kDefaultModel[] = "ai_vs_real.levit";

#ifndef MAP_POPULATE  // Linux reads ahead with it; elsewhere the pages come as they are touched.
#define MAP_POPULATE 0
#endif

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw std::runtime_error(path + ": " + cause);
}

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : value_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

// Reads until the end into memory that free() takes back; null with errno set when that fails.
void* read_all(int file, size_t* bytes) {
  size_t capacity = size_t{1} << 20;
  auto* image = static_cast<uint8_t*>(std::aligned_alloc(LEVIT_ARENA_ALIGNMENT, capacity));
  for (*bytes = 0; image != nullptr;) {
    const ssize_t got = read(file, image + *bytes, capacity - *bytes);
    if (got == 0) return image;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    *bytes += static_cast<size_t>(got);
    if (*bytes < capacity) continue;
    auto* larger = static_cast<uint8_t*>(std::aligned_alloc(LEVIT_ARENA_ALIGNMENT, 2 * capacity));
    if (larger != nullptr) std::memcpy(larger, image, *bytes);
    std::free(image);
    image = larger;
    capacity *= 2;
  }
  std::free(image);
  return nullptr;
}

}  // namespace

std::string find_model(const std::string& flag) {
  if (!flag.empty()) return flag;
  const char* variable = std::getenv("LEVIT_MODEL");
  if (variable != nullptr && *variable != '\0') return variable;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto folder = program.parent_path();
  const auto installed = folder.parent_path() / "share" / "levit" / kDefaultModel;
  if (std::filesystem::exists(installed, error)) return installed;
#ifdef LEVIT_SOURCE_DIR
  // Only a program that lies in its build tree looks into the source tree.
  if (folder == LEVIT_BINARY_DIR) return std::string(LEVIT_SOURCE_DIR) + "/weights/" + kDefaultModel;
#endif
  throw std::runtime_error("no weight file: " + installed.string() +
                           " does not exist; name one with --model or LEVIT_MODEL");
}

ModelFile::ModelFile(const std::string& path) : path_(path) {
  try {
    load();
  } catch (...) {
    release();
    throw;
  }
}

ModelFile::~ModelFile() {
  release();
}

void ModelFile::load() {
  const Descriptor file(path_);
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) fail(path_, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(path_, "a directory, not a .levit weight file");
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    bytes_ = static_cast<size_t>(status.st_size);
    void* image = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
    if (image == MAP_FAILED) fail(path_, std::strerror(errno));
    image_ = image;
    mapped_ = true;
  } else {
    image_ = read_all(file.get(), &bytes_);
    if (image_ == nullptr) fail(path_, std::strerror(errno));
  }
  const levit_status opened = levit_open(image_, bytes_, &model_);
  if (opened != LEVIT_OK) fail(path_, levit_status_text(opened));
  info_.size = sizeof(info_);
  levit_model_info(model_, &info_);
}

void ModelFile::release() {
  if (mapped_) {
    munmap(image_, bytes_);
  } else {
    std::free(image_);
  }
}

}  // namespace levit::tools
