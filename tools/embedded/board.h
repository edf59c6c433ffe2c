/* What the demonstration asks of a board. Another board is another board_<name>.c with these four. */
#ifndef LEVIT_TOOLS_EMBEDDED_BOARD_H_
#define LEVIT_TOOLS_EMBEDDED_BOARD_H_

#include <stddef.h>
#include <stdint.h>

/* Sends one character. */
void board_put(char c);

/* Nanoseconds since some time, for differences of up to 100 s; 0 where there is no clock. Under `qemu -icount
 * shift=0` an instruction is a nanosecond. */
uint64_t board_nanoseconds(void);

/* The most bytes of stack that were in use so far; 0 where nobody knows. */
size_t board_stack_bytes(void);

/* Ends the program; 0 is success. */
void board_exit(int code);

/* The instruction set to use, null for the best. */
extern const char* board_target;

/* Of image.S: a .levit file and a PPM of 8 bits. */
extern const uint8_t demo_model[], demo_model_end[], demo_picture[], demo_picture_end[];

int main(void);

#endif /* LEVIT_TOOLS_EMBEDDED_BOARD_H_ */
