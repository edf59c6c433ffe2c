#include "tools/common/input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tools/common/signals.h"

namespace levit::tools {
namespace {

// A signal may arrive in another thread than the one that waits, so that waiting goes by steps.
constexpr int kStepMilliseconds = 100;

[[noreturn]] void fail() {
  throw std::runtime_error(std::strerror(errno));
}

struct stat status_of(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) fail();
  return status;
}

}  // namespace

InputFile::InputFile(const std::string& path)
    : InputFile(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), true) {
  if (descriptor_ < 0) fail();
}

InputFile::~InputFile() {
  if (owned_ && descriptor_ >= 0) close(descriptor_);
}

void InputFile::wait() const {
  struct pollfd ready = {descriptor_, POLLIN, 0};
  while (!interrupted()) {
    if (poll(&ready, 1, kStepMilliseconds) > 0) return;
  }
  throw Interrupted();
}

size_t InputFile::read(void* to, size_t bytes) {
  for (;;) {
    wait();
    const ssize_t got = ::read(descriptor_, to, bytes);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) fail();
  }
}

std::vector<uint8_t> InputFile::read_all(size_t limit, const char* too_long) {
  constexpr size_t kFirst = 65536;
  // One byte more than the file is said to have, so that its end shows without growing.
  const size_t expected = std::min(expected_bytes(), limit);
  std::vector<uint8_t> bytes(expected > 0 ? expected + 1 : kFirst);
  size_t used = 0;
  while (const size_t got = read(bytes.data() + used, bytes.size() - used)) {
    used += got;
    if (used > limit) throw std::runtime_error(too_long);
    if (used == bytes.size()) bytes.resize(2 * used);
  }
  bytes.resize(used);
  return bytes;
}

bool InputFile::directory() const {
  return S_ISDIR(status_of(descriptor_).st_mode);
}

size_t InputFile::expected_bytes() const {
  const struct stat status = status_of(descriptor_);
  return S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
}

}  // namespace levit::tools
