#include "tools/common/output_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tools/common/atomic_file.h"

namespace levit::tools {
namespace {

// Whether the name still leads to the file that is open: the run that had the lock removes both.
bool is_there(int file, const std::string& path) {
  struct stat open_one {
  }, named{};
  return fstat(file, &open_one) == 0 && stat(path.c_str(), &named) == 0 && open_one.st_dev == named.st_dev &&
         open_one.st_ino == named.st_ino;
}

}  // namespace

bool locked_elsewhere(int file) {
  return flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

OutputLock::OutputLock(const std::string& output) : path_(output + ".lock") {
  refuse_special_file(path_);
  for (;;) {
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) throw std::runtime_error(path_ + ": " + std::strerror(errno));
    const bool taken = locked_elsewhere(file_);
    if (!taken && is_there(file_, path_)) return;
    close(file_);
    if (taken) throw std::runtime_error(output + ": " + kInUse);
  }
}

OutputLock::~OutputLock() {
  unlink(path_.c_str());  // before the lock goes with the descriptor
  close(file_);
}

}  // namespace levit::tools
