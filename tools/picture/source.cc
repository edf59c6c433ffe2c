#include "tools/picture/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace levit::tools {
namespace {

constexpr size_t kPiece = size_t{128} << 10;
constexpr size_t kLargestFile = size_t{1} << 30;

}  // namespace

Source::Source(const std::string& path) {
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file_ < 0 || fstat(file_, &status) != 0) {
    problem_ = std::strerror(errno);
  } else if (S_ISDIR(status.st_mode)) {
    problem_ = "a directory, not a picture";
  } else {
    expected_ = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
    // One byte more than the file is said to have, so that its end shows without another piece.
    buffer_.resize(std::min(kPiece, expected_ == 0 ? kPiece : expected_ + 1));
    fill(0);
  }
  if (problem_.empty()) return;
  if (file_ >= 0) close(file_);
  throw std::runtime_error(problem_);
}

Source::~Source() {
  if (file_ >= 0) close(file_);
}

// Reads until the buffer is full or the file ends; the piece is what lies in the buffer then.
bool Source::fill(size_t from) {
  size_t used = from;
  while (used < buffer_.size() && problem_.empty()) {
    const ssize_t got = read(file_, buffer_.data() + used, buffer_.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) problem_ = std::strerror(errno);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
    total_ += static_cast<size_t>(got);
    if (total_ > kLargestFile) problem_ = "larger than 1 GiB, not a picture";
  }
  piece_ = {buffer_.data(), problem_.empty() ? used : 0};
  return problem_.empty();
}

bool Source::next() {
  if (file_ >= 0) return fill(0);
  piece_.size = 0;
  return true;
}

Bytes Source::all() {
  while (file_ >= 0 && piece_.size == buffer_.size()) {
    const size_t used = buffer_.size();
    buffer_.resize(used < expected_ ? std::min(expected_, kLargestFile) + 1 : 2 * used);
    if (!fill(used)) throw std::runtime_error(problem_);
  }
  return piece_;
}

}  // namespace levit::tools
