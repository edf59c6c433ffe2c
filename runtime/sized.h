// Structs of levit.h that begin with their size, so that a program and a library of different ages fit
// together.
//
// A field is only ever added behind the last byte of a struct, its padding included.
#ifndef LEVIT_RUNTIME_SIZED_H_
#define LEVIT_RUNTIME_SIZED_H_

#include <cstring>

#include "runtime/levit.h"

namespace levit::runtime {

// A size beyond this is one that nobody set: no struct grows so large.
inline constexpr size_t kLargestStruct = 4096;

inline bool is_sized(const void* theirs) {
  size_t bytes;
  std::memcpy(&bytes, theirs, sizeof bytes);
  return bytes >= sizeof bytes && bytes <= kLargestStruct && bytes % sizeof bytes == 0;
}

// Takes over the fields that the caller's struct has. ours: of `bytes` bytes, with the default of every
// field. LEVIT_STRUCT: a field that ours does not have is not zero.
inline levit_status read_sized(const void* theirs, void* ours, size_t bytes) {
  if (!is_sized(theirs)) return LEVIT_STRUCT;
  size_t their_bytes;
  std::memcpy(&their_bytes, theirs, sizeof their_bytes);
  for (size_t i = bytes; i < their_bytes; ++i)
    if (static_cast<const unsigned char*>(theirs)[i] != 0) return LEVIT_STRUCT;
  std::memcpy(ours, theirs, their_bytes < bytes ? their_bytes : bytes);
  std::memcpy(ours, &bytes, sizeof bytes);
  return LEVIT_OK;
}

// Fills the fields that the caller's struct has, and those that only it has with zeros. Its size stays.
inline void write_sized(void* theirs, const void* ours, size_t bytes) {
  size_t their_bytes;
  std::memcpy(&their_bytes, theirs, sizeof their_bytes);
  std::memset(theirs, 0, their_bytes);
  std::memcpy(theirs, ours, their_bytes < bytes ? their_bytes : bytes);
  std::memcpy(theirs, &their_bytes, sizeof their_bytes);
}

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_SIZED_H_
