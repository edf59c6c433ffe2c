/* The statuses of the library: one list gives the enum, the names and the sentences. C99. */
#ifndef LEVIT_STATUS_H_
#define LEVIT_STATUS_H_

/* X(name, sentence). Once 1.0 is out, only ever appended to: the numbers are part of the ABI. */
#define LEVIT_STATUS_LIST(X)                                                                     \
  X(OK, "no error")                                                                              \
  X(ARGUMENT, "an argument is null, zero or out of range")                                       \
  X(MAGIC, "not a .levit weight file")                                                           \
  X(VERSION, "the weight file has a version that this library cannot read")                      \
  X(FLAGS, "the weight file requires a feature that this library does not have")                 \
  X(TRUNCATED, "the weight file is shorter than its header says")                                \
  X(TRAILING, "the weight file is longer than its header says")                                  \
  X(CHECKSUM, "the weight file is damaged: its checksum does not fit")                           \
  X(HEADER, "the weight file's header contradicts itself")                                       \
  X(CONFIG, "the weight file describes a network or preprocessing that this library cannot run") \
  X(STRINGS, "the weight file's labels or notes are not valid text")                             \
  X(TENSOR, "the weight file's table of tensors does not fit its network")                       \
  X(VALUE, "the weight file holds a number that is not finite")                                  \
  X(ALIGNMENT, "the weight image or the arena is not aligned to 64 bytes")                       \
  X(ARENA, "the arena is too small")                                                             \
  X(FEATURE, "the context or the library was made without the feature that this call needs")     \
  X(TARGET, "this processor or this build has no such instruction set")                          \
  X(BATCH, "more pictures than the context was created for")                                     \
  X(LAYER, "no such layer")                                                                      \
  X(IMAGE, "the picture has no pixels or a row stride shorter than a row")                       \
  X(NUMBER, "a number is not finite, or too large for the network")                              \
  X(CANCELLED, "cancelled by the caller")                                                        \
  X(PADDING, "the weight file has bytes that are not zero between its parts")                    \
  X(BYTE_ORDER, "weight files are little-endian and this processor is big-endian")               \
  X(DIVERGED, "training has diverged: a number is not finite any more")                          \
  X(CLASS, "no such class")                                                                      \
  X(NO_HEAD, "the weight file has no classifier: give it one (levit finetune)")                  \
  X(STRUCT, "a struct's size is not set, or it has a field that this library does not know")     \
  X(NO_FAMILIARITY, "the weight file does not say what the pictures were like that it was trained on")

typedef enum levit_status {
#define LEVIT_STATUS_ENUM(name, sentence) LEVIT_##name,
  LEVIT_STATUS_LIST(LEVIT_STATUS_ENUM)
#undef LEVIT_STATUS_ENUM
      LEVIT_STATUS_COUNT
} levit_status;

#endif /* LEVIT_STATUS_H_ */
