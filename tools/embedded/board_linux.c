/* The demonstration as a Linux program, to compare boards with: demo [TARGET] */
#include <time.h>
#include <unistd.h>

#include "tools/embedded/board.h"

const char* board_target;

void board_put(char c) {
  if (write(1, &c, 1) != 1) _exit(1);
}

uint64_t board_nanoseconds(void) {
  struct timespec now;
  return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec
                                                   : 0;
}

size_t board_stack_bytes(void) {
  return 0;
}

void board_exit(int code) {
  _exit(code);
}

/* Before main, which takes no arguments: glibc hands them to constructors. */
__attribute__((constructor)) static void take_target(int argc, char** argv) {
  if (argc > 1) board_target = argv[1];
}
