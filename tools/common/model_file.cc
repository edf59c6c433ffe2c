#include "tools/common/model_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "tools/common/input_file.h"

namespace levit::tools {
namespace {

constexpr char kDefaultModel[] = "ai_vs_real.levit";

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
    InputFile file(path);
    if (file.directory()) throw std::runtime_error("a directory, not a .levit weight file");
    read(file);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
  info_.size = sizeof(info_);
  levit_model_info(model_, &info_);
  labels_ = labels(model_);
}

void ModelFile::read(InputFile& file) {
  constexpr size_t kStep = size_t{1} << 20;
  // One byte more than the file is said to have, so that its end shows without growing.
  reserve(file.expected_bytes() > 0 ? file.expected_bytes() + 1 : kStep);
  levit_status opened = LEVIT_TRUNCATED;
  // In steps, so that a large file that is something else is not read to its end.
  while (opened == LEVIT_OK || opened == LEVIT_TRUNCATED) {
    const size_t got = file.read(image_.get() + bytes_, std::min(capacity_ - bytes_, kStep));
    if (got == 0) break;
    bytes_ += got;
    if (bytes_ == capacity_) reserve(2 * capacity_);
    opened = levit_open(image_.get(), bytes_, &model_);
  }
  if (opened != LEVIT_OK) throw std::runtime_error(levit_status_text(opened));
}

void ModelFile::reserve(size_t capacity) {
  Buffer larger(static_cast<uint8_t*>(allocate(capacity)));
  if (larger == nullptr) throw std::runtime_error(std::strerror(ENOMEM));
  if (bytes_ > 0) std::memcpy(larger.get(), image_.get(), bytes_);
  image_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace levit::tools
