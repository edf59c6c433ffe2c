/* The demonstration as a Linux program, to compare boards with: demo [TARGET], or demo list */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "levit.h"
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
  size_t i;
  if (argc < 2) return;
  board_target = argv[1];
  if (strcmp(argv[1], "list") != 0) return;
  printf("targets");
  for (i = 0; levit_target_name(i) != NULL; ++i) printf(" %s", levit_target_name(i));
  printf("\n");
  exit(0);
}
