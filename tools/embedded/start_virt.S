/* From reset to main on `qemu-system-aarch64 -M virt` and boards like it, at exception level 1, one core: the FPU on, RAM
 * cacheable (with the MMU off every access is to device memory, where unaligned ones fault), stack painted for the
 * measurement, .bss cleared, and every exception ends in board_fault. */
        .section .text.start, "ax"
        .global _start
_start:
        mrs     x0, mpidr_el1           /* the other cores sleep */
        and     x0, x0, #0xff
        cbnz    x0, sleep

        mov     x0, #(3 << 20)          /* CPACR_EL1.FPEN: no trap of FPU and NEON; FPCR stays 0: nearest, no flush */
        msr     cpacr_el1, x0
        msr     fpcr, xzr
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x0, =stack_top
        mov     sp, x0
        isb

        /* A table of 1 GB blocks. MAIR: attribute 0 device-nGnRnE, 1 write-back memory. */
        mov     x0, #0xff00
        msr     mair_el1, x0
        ldr     x0, =0x80803519         /* TCR_EL1: 39-bit addresses through TTBR0, cacheable walks, TTBR1 off */
        msr     tcr_el1, x0
        ldr     x1, =table
        msr     ttbr0_el1, x1
        dsb     sy
        tlbi    vmalle1
        dsb     sy
        isb
        mrs     x0, sctlr_el1
        mov     x1, #0x1005             /* MMU, data and instruction caches */
        orr     x0, x0, x1
        bic     x0, x0, #2              /* unaligned accesses are allowed */
        msr     sctlr_el1, x0
        isb

        ldr     x0, =bss_start
        ldr     x1, =bss_end
1:      cmp     x0, x1
        b.hs    2f
        stp     xzr, xzr, [x0], #16
        b       1b
2:      ldr     x0, =stack_bottom
        ldr     x1, =stack_top
        mov     x2, #0x5aa5
        movk    x2, #0x5aa5, lsl #16
3:      str     w2, [x0], #4
        cmp     x0, x1
        b.lo    3b
        bl      main
sleep:  wfi
        b       sleep

        .balign 2048
vectors:
        .rept   16
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        b       board_fault
        .balign 128
        .endr

        .section .rodata.table, "a"     /* the walker only reads it: the access flags are set */
        .balign 4096
table:  .quad   0x60000000000401        /* from 0: block, accessed, device, never executed */
        .quad   0x40000705              /* from 1 GB: block, accessed, inner shareable, attribute 1 */
        .skip   4096 - 16
        .section .note.GNU-stack, "", %progbits
