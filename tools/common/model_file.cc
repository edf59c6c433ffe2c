#include "tools/common/model_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace levit::tools {
namespace {

constexpr char kDefaultModel[] = "ai_vs_real.levit";

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw std::runtime_error(path + ": " + cause);
}

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

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
  const Descriptor file(path);
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) fail(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail(path, "a directory, not a .levit weight file");
  constexpr size_t kStep = size_t{1} << 20;
  // One byte more than the file is said to have, so that its end shows without growing.
  reserve(S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) + 1 : kStep);
  levit_status opened = LEVIT_TRUNCATED;
  // In steps, so that a large file that is something else is not read to its end.
  while (opened == LEVIT_OK || opened == LEVIT_TRUNCATED) {
    const ssize_t got = read(file.get(), image_.get() + bytes_, std::min(capacity_ - bytes_, kStep));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, std::strerror(errno));
    if (got == 0) break;
    bytes_ += static_cast<size_t>(got);
    if (bytes_ == capacity_) reserve(2 * capacity_);
    opened = levit_open(image_.get(), bytes_, &model_);
  }
  if (opened != LEVIT_OK) fail(path, levit_status_text(opened));
  info_.size = sizeof(info_);
  levit_model_info(model_, &info_);
  labels_ = labels(model_);
}

void ModelFile::reserve(size_t capacity) {
  Buffer larger(static_cast<uint8_t*>(allocate(capacity)));
  if (larger == nullptr) fail(path_, std::strerror(ENOMEM));
  if (bytes_ > 0) std::memcpy(larger.get(), image_.get(), bytes_);
  image_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace levit::tools
