#include "tools/common/signals.h"

#include <atomic>
#include <csignal>

namespace levit::tools {
namespace {

std::atomic<int> g_interrupted{0};  // RISC-V has no instruction for a smaller one
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void remember(int) {
  g_interrupted = 1;
}

}  // namespace

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
}

bool interrupted() {
  return g_interrupted != 0;
}

}  // namespace levit::tools
