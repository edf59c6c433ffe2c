/* `qemu-system-arm -M mps2-an500`, a Cortex-M7: UART 0 and timer 0 of Arm's CMSDK, and a reset to end with
 * (-no-reboot). */
#include "tools/embedded/board.h"
#include "tools/embedded/stack.h"

const char* board_target;

static volatile uint32_t* const timer = (volatile uint32_t*)0x40000000;
static volatile uint32_t* const uart = (volatile uint32_t*)0x40004000;

void board_put(char c) {
  uart[4] = 16;                        /* BAUDDIV: the least; an emulator takes any */
  uart[2] = 1;                         /* CTRL: transmit */
  while ((uart[1] & 1) != 0) continue; /* STATE: full */
  uart[0] = (uint32_t)(unsigned char)c;
}

/* The timer counts down at 25 MHz, and over every 171 s. */
uint64_t board_nanoseconds(void) {
  static uint64_t passed;
  static uint32_t last;
  if (timer[0] == 0) {
    timer[2] = timer[1] = last = UINT32_MAX; /* RELOAD, VALUE */
    timer[0] = 1;                            /* CTRL: on, no interrupt */
  }
  const uint32_t now = timer[1];
  passed += last - now;
  last = now;
  return passed * 40;
}

size_t board_stack_bytes(void) {
  return painted_stack_bytes();
}

void board_exit(int code) {
  if (code != 0) {
    for (const char* at = "failed\n"; *at != '\0'; ++at) board_put(*at);
  }
  *(volatile uint32_t*)0xe000ed0c = 0x05fa0004; /* AIRCR: SYSRESETREQ */
  for (;;) continue;
}

static void put_hex(uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) board_put("0123456789abcdef"[value >> shift & 15]);
  board_put('\n');
}

/* Of start_an500.S: the registers that the exception has put on the stack, of which the seventh says where.
 */
void board_fault(const uint32_t* frame);
void board_fault(const uint32_t* frame) {
  put_hex(*(volatile uint32_t*)0xe000ed28); /* CFSR: what was wrong */
  put_hex(frame[6]);
  board_exit(1);
}
