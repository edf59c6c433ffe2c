// Ctrl-C as a request: the program finishes what it has begun, prints its summary and exits with
// kInterruptedExit.
#ifndef LEVIT_TOOLS_COMMON_SIGNALS_H_
#define LEVIT_TOOLS_COMMON_SIGNALS_H_

namespace levit::tools {

inline constexpr int kInterruptedExit = 130;  // 128 + SIGINT, as shells show it

// From here on the first SIGINT, SIGTERM or SIGHUP (a terminal that is closed, unless nohup has it ignored)
// only sets interrupted(); a second one ends the program at once. A closed pipe on standard output ends it
// silently (SIGPIPE), whatever the parent had set.
void catch_signals();

bool interrupted();

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_SIGNALS_H_
