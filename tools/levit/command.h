// What the commands of `levit` share: exit codes, and what some of their flags mean.
#ifndef LEVIT_TOOLS_LEVIT_COMMAND_H_
#define LEVIT_TOOLS_LEVIT_COMMAND_H_

#include <string>

#include "levit.h"

namespace levit::tools {

// Exit codes besides 0 and kInterruptedExit.
inline constexpr int kFailedExit =
    1;  // something could not be read, computed or written; standard error names it
inline constexpr int kUsageExit = 2;

// Says how many inputs Ctrl-C has left; returns the exit code.
int report_stop(size_t inputs_left);

// What --resize says, or the weight file's own mode when it is empty.
levit_resize chosen_resize(const std::string& flag, const levit_info& info);
const char* resize_name(levit_resize resize);

// The target as levit_options takes it.
inline const char* chosen_target(const std::string& flag) {
  return flag.empty() ? nullptr : flag.c_str();
}

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_COMMAND_H_
