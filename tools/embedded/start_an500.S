/* From reset to main on a Cortex-M7 (Armv7-M with FPU): the FPU on, stack painted for the measurement, .bss cleared, and
 * every exception ends in board_fault. Constants and variables with a value are loaded where they are used. */
        .syntax unified
        .thumb
        .section .text.start, "ax"
        .global _start
vectors:
        .word   stack_top
        .word   _start
        .rept   14                      /* faults, and what this image never asks for */
        .word   fault
        .endr

        .thumb_func
_start: ldr     r0, =0xe000ed88         /* CPACR: coprocessors 10 and 11, the FPU; FPSCR stays 0: nearest, no flush */
        ldr     r1, [r0]
        orr     r1, r1, #(15 << 20)
        str     r1, [r0]
        dsb
        isb
        movs    r2, #0
        ldr     r0, =bss_start
        ldr     r1, =bss_end
        bl      fill
        ldr     r0, =arena_start
        ldr     r1, =arena_end
        bl      fill
        ldr     r2, =0x5aa55aa5         /* STACK_PAINT */
        ldr     r0, =stack_bottom
        ldr     r1, =stack_top
        bl      fill
        bl      main
1:      wfi
        b       1b

        .thumb_func
fill:   cmp     r0, r1                  /* words from r0 to r1 become r2 */
        it      hs
        bxhs    lr
        str     r2, [r0], #4
        b       fill

        .thumb_func
fault:  mrs     r0, msp
        b       board_fault
        .section .note.GNU-stack, "", %progbits
