/* A weight file linked like code, without a source file of its size:
 *   cc -c -DLEVIT_WEIGHTS='"model.levit"' embed.S
 * gives the same two names as `pack_weights --emit-c`:
 *   extern const uint64_t levit_weights[];
 *   extern const size_t levit_weights_bytes;
 * For GNU as and clang, and ELF. */
	.section .rodata.levit_weights, "a", %progbits
	.balign 64
	.global levit_weights
	.type levit_weights, %object
levit_weights:
	.incbin LEVIT_WEIGHTS
.Lend:
	.size levit_weights, .Lend - levit_weights
	.balign 8
	.global levit_weights_bytes
	.type levit_weights_bytes, %object
levit_weights_bytes:
#if __SIZEOF_SIZE_T__ == 8
	.quad .Lend - levit_weights
#else
	.long .Lend - levit_weights
#endif
	.size levit_weights_bytes, __SIZEOF_SIZE_T__
	.section .note.GNU-stack, "", %progbits
