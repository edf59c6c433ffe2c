/* `qemu-system-aarch64 -M virt`: a PL011 at 0x09000000, the generic timer, and PSCI to switch off. */
#include "tools/embedded/board.h"
#include "tools/embedded/stack.h"

const char* board_target;

void board_put(char c) {
  volatile uint32_t* const uart = (volatile uint32_t*)0x09000000;
  while ((uart[0x18 / 4] & 0x20) != 0) continue; /* UARTFR.TXFF: the queue is full */
  uart[0] = (uint32_t)(unsigned char)c;
}

uint64_t board_nanoseconds(void) {
  uint64_t ticks, frequency;
  __asm__ volatile("isb\n mrs %0, cntvct_el0\n mrs %1, cntfrq_el0" : "=r"(ticks), "=r"(frequency));
  return ticks * (1000000000 / frequency);
}

size_t board_stack_bytes(void) {
  return painted_stack_bytes();
}

void board_exit(int code) {
  register uint64_t function __asm__("x0") = 0x84000008; /* SYSTEM_OFF */
  if (code != 0) {
    for (const char* at = "failed\n"; *at != '\0'; ++at) board_put(*at);
  }
  __asm__ volatile("hvc #0" : : "r"(function));
  for (;;) continue;
}

static void put_hex(uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) board_put("0123456789abcdef"[value >> shift & 15]);
  board_put('\n');
}

/* Of start_virt.S: what was wrong (ESR_EL1), and where (ELR_EL1). */
void board_fault(uint64_t syndrome, uint64_t at);
void board_fault(uint64_t syndrome, uint64_t at) {
  put_hex(syndrome);
  put_hex(at);
  board_exit(1);
}
