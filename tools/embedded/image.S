/* The files DEMO_MODEL and DEMO_PICTURE as they are, in read-only memory and used in place. */
        .section .rodata.model, "a"
        .balign 64 /* LEVIT_ARENA_ALIGNMENT */
        .global demo_model, demo_model_end
demo_model:
        .incbin DEMO_MODEL
demo_model_end:
        .section .rodata.picture, "a"
        .balign 64
        .global demo_picture, demo_picture_end
demo_picture:
        .incbin DEMO_PICTURE
demo_picture_end:
        .section .note.GNU-stack, "", %progbits
