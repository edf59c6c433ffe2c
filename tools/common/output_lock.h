// One run at a time for an output that is written more than once and read back.
#ifndef LEVIT_TOOLS_COMMON_OUTPUT_LOCK_H_
#define LEVIT_TOOLS_COMMON_OUTPUT_LOCK_H_

#include <string>

namespace levit::tools {

inline constexpr const char* kInUse = "in use by another run";

// Whether another process has locked the open file; else it is locked from here until it is closed. Where a
// file system knows no locks, nobody has.
bool locked_elsewhere(int file);

// While it lives, no other run gets the lock of the same output. It is a lock of the file OUTPUT.lock, which
// the kernel gives back whenever the run ends, killed or not; a file that a killed run left behind is used
// again. (The output itself cannot hold it: it is replaced as a whole.)
class OutputLock {
 public:
  // Throws std::runtime_error "output: in use by another run", or "output.lock: cause".
  explicit OutputLock(const std::string& output);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  std::string path_;
  int file_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_OUTPUT_LOCK_H_
