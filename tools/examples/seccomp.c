/* The library where the kernel lets a program do nothing: after set-up only read, write and exit are allowed
 * (SECCOMP_MODE_STRICT), and a call of anything else ends it. The demonstration of tools/embedded classifies,
 * explains and learns inside; this is its board. Model and picture are in the program's read-only memory.
 *
 *   tools/embedded/make_image seccomp liblevit.a MODEL.levit PICTURE.ppm seccomp
 *   ./seccomp          all of it
 *   ./seccomp getpid   ends at once: the kernel does watch
 */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/embedded/board.h"

const char* board_target;

void board_put(char c) {
  if (write(STDOUT_FILENO, &c, 1) != 1) board_exit(1);
}

/* A clock is a system call where the kernel has no page for it. */
uint64_t board_nanoseconds(void) {
  return 0;
}

size_t board_stack_bytes(void) {
  return 0;
}

/* Not exit_group, which _exit calls. */
void board_exit(int code) {
  for (;;) syscall(SYS_exit, code);
}

__attribute__((constructor)) static void set_up(int argc, char** argv) {
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(3);
  if (argc > 1 && strcmp(argv[1], "getpid") == 0) (void)syscall(SYS_getpid);
}
