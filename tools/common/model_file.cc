#include "tools/common/model_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "weights/layout.h"

// There in a program that was linked with weights/embed.S, as LEVIT_STANDALONE does; else null.
extern "C" {
[[gnu::weak]] extern const uint64_t levit_weights[];
[[gnu::weak]] extern const size_t levit_weights_bytes;
}

namespace levit::tools {
namespace {

constexpr char kBuiltIn[] = "the model inside levit";  // the path of that one
constexpr char kDefaultModel[] = "ai_vs_real.levit";
constexpr size_t kStep = size_t{1} << 20;

}  // namespace

std::string find_model(const std::string& flag) {
  if (!flag.empty()) return flag;
  const char* variable = std::getenv("LEVIT_MODEL");
  if (variable != nullptr && *variable != '\0') return variable;
  if (&levit_weights_bytes != nullptr) return kBuiltIn;
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

// Runs one step of reading and puts the file's name in front of what is wrong with it.
template <typename Step>
void ModelFile::attempt(const Step& step) {
  try {
    step();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path_ + ": " + error.what());
  }
}

ModelFile::ModelFile(const std::string& path, Unread) : path_(path) {
  if (path_ == kBuiltIn && &levit_weights_bytes != nullptr) {
    begin_ = reinterpret_cast<const uint8_t*>(levit_weights);
    bytes_ = levit_weights_bytes;
    return;
  }
  attempt([this] {
    file_ = std::make_unique<InputFile>(path_);
    if (file_->directory()) throw std::runtime_error("a directory, not a .levit weight file");
    // One byte more than the file is said to have, so that its end shows without growing.
    reserve(file_->expected_bytes() > 0 ? file_->expected_bytes() + 1 : kStep);
    while (bytes_ < weights::kHeaderBytes && read(weights::kHeaderBytes - bytes_)) {
    }
  });
}

levit_resize ModelFile::announced_resize() const {
  const uint32_t resize = bytes_ < weights::kHeaderBytes ? 0 : weights::load_u32(begin_ + weights::kAtResize);
  return resize <= LEVIT_RESIZE_HF ? static_cast<levit_resize>(resize) : LEVIT_RESIZE_SQUASH;
}

void ModelFile::load() {
  attempt([this] {
    levit_status opened = levit_open(begin_, bytes_, &model_);
    // In steps, so that a large file that is something else is not read to its end.
    while ((opened == LEVIT_OK || opened == LEVIT_TRUNCATED) && read(kStep))
      opened = levit_open(begin_, bytes_, &model_);
    if (opened != LEVIT_OK) throw std::runtime_error(levit_status_text(opened));
  });
  file_.reset();
  info_.size = sizeof(info_);
  levit_model_info(model_, &info_);
  labels_ = labels(model_);
}

// Reads on; false at the end of the file.
bool ModelFile::read(size_t most) {
  if (file_ == nullptr) return false;
  if (bytes_ == capacity_) reserve(2 * capacity_);
  const size_t got = file_->read(image_.get() + bytes_, std::min(capacity_ - bytes_, most));
  bytes_ += got;
  return got > 0;
}

void ModelFile::reserve(size_t capacity) {
  Buffer larger(static_cast<uint8_t*>(allocate(capacity)));
  if (larger == nullptr) throw std::runtime_error(std::strerror(ENOMEM));
  if (bytes_ > 0) std::memcpy(larger.get(), image_.get(), bytes_);
  image_ = std::move(larger);
  begin_ = image_.get();
  capacity_ = capacity;
}

}  // namespace levit::tools
