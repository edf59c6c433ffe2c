#include "tools/common/shard.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/output_lock.h"

namespace levit::tools {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::runtime_error(path + ": " + std::strerror(errno));
}

}  // namespace

Shard parse_shard(const std::string& text) {
  constexpr size_t kMost = 1'000'000;
  Shard shard;
  char rest = 0;
  if (text.find_first_not_of("0123456789/") == std::string::npos &&
      std::sscanf(text.c_str(), "%7zu/%7zu%c", &shard.index, &shard.parts, &rest) == 2 && shard.index >= 1 &&
      shard.index <= shard.parts && shard.parts <= kMost)
    return shard;
  throw std::runtime_error("\"" + text + "\" is not I/N with 1 <= I <= N <= 1000000");
}

std::string shard_text(const Shard& shard) {
  return std::to_string(shard.index) + "/" + std::to_string(shard.parts);
}

LineFile::LineFile(const std::string& path, size_t bytes) : path_(path) {
  refuse_special_file(path);
  file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail(path);
  const bool taken = locked_elsewhere(file_);
  if (!taken && ftruncate(file_, static_cast<off_t>(bytes)) == 0 && lseek(file_, 0, SEEK_END) >= 0) return;
  const int error = errno;
  close(file_);
  if (taken) throw std::runtime_error(path + ": " + kInUse);
  errno = error;
  fail(path);
}

LineFile::~LineFile() {
  close(file_);
}

void LineFile::append(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(file_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_);
    done += static_cast<size_t>(written);
  }
}

}  // namespace levit::tools
