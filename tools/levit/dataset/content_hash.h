// A number for the bytes of a file: the same content is the same picture, whatever its name.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_CONTENT_HASH_H_
#define LEVIT_TOOLS_LEVIT_DATASET_CONTENT_HASH_H_

#include <cstddef>
#include <cstdint>

namespace levit::tools {

// The digest of weight files (weights/checksum.h) over all bytes. Two contents that differ share it with a
// chance of 2^-64.
uint64_t content_hash(const void* data, size_t bytes);

// A share in [0, 1) that belongs to a content, for splits: the same in every run and whatever else is there.
double share_of(uint64_t hash);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_CONTENT_HASH_H_
