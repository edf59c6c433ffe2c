/* How deep the stack has been: start-up code fills it with a pattern, and what is left of that was never
 * used. */
#ifndef LEVIT_TOOLS_EMBEDDED_STACK_H_
#define LEVIT_TOOLS_EMBEDDED_STACK_H_

#include <stddef.h>
#include <stdint.h>

#define STACK_PAINT 0x5aa55aa5u

/* Of the linker script. */
extern uint32_t stack_bottom[], stack_top[];

static inline size_t painted_stack_bytes(void) {
  const uint32_t* at = stack_bottom;
  while (at < stack_top && *at == STACK_PAINT) ++at;
  return (size_t)((const uint8_t*)stack_top - (const uint8_t*)at);
}

#endif /* LEVIT_TOOLS_EMBEDDED_STACK_H_ */
