#include "tools/picture/source.h"

#include <algorithm>
#include <stdexcept>

namespace levit::tools {
namespace {

constexpr size_t kPiece = size_t{128} << 10;
constexpr size_t kLargestFile = size_t{1} << 30;

}  // namespace

Source::Source(const std::string& path) : file_(std::make_unique<InputFile>(path)) {
  if (file_->directory()) throw std::runtime_error("a directory, not a picture");
  expected_ = file_->expected_bytes();
  // One byte more than the file is said to have, so that its end shows without another piece.
  buffer_.resize(std::min(kPiece, expected_ == 0 ? kPiece : expected_ + 1));
  fill(0);
  if (stopped_) throw Interrupted();
  if (!problem_.empty()) throw std::runtime_error(problem_);
}

// Reads until the buffer is full or the file ends; the piece is what lies in the buffer then. It is called
// from inside decoders in C, through which nothing may be thrown.
bool Source::fill(size_t from) {
  size_t used = from;
  try {
    while (used < buffer_.size() && problem_.empty()) {
      const size_t got = file_->read(buffer_.data() + used, buffer_.size() - used);
      if (got == 0) break;
      used += got;
      total_ += got;
      if (total_ > kLargestFile) problem_ = "larger than 1 GiB, not a picture";
    }
  } catch (const std::exception& error) {
    problem_ = error.what();
    stopped_ = dynamic_cast<const Interrupted*>(&error) != nullptr;
  }
  piece_ = {buffer_.data(), problem_.empty() ? used : 0};
  return problem_.empty();
}

bool Source::next() {
  if (file_) return fill(0);
  piece_.size = 0;
  return true;
}

Bytes Source::all() {
  while (file_ && piece_.size == buffer_.size()) {
    const size_t used = buffer_.size();
    buffer_.resize(used < expected_ ? std::min(expected_, kLargestFile) + 1 : 2 * used);
    if (!fill(used)) throw std::runtime_error(problem_);
  }
  return piece_;
}

}  // namespace levit::tools
