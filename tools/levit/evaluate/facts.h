// What a picture file tells without a look at the picture: the material of the give-away check.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_FACTS_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_FACTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace levit::tools {

struct FileFacts {
  size_t bytes = 0;
  std::string format;  // "jpeg", "png", "webp", "bmp", "pnm", "gif", "npy", or "other"
  // Sums of the entries of a JPEG's first and second quantisation table: large for coarse pictures. 0 without
  // such a table.
  size_t luma_steps = 0, chroma_steps = 0;
  uint64_t tables = 0;  // a number for all of a JPEG's tables and the sampling of its channels; 0: no JPEG
};

// Of a file that has been read before; what cannot be read stays unset.
FileFacts read_facts(const std::string& path);

// The same for the start of a file in memory.
FileFacts facts_of(const uint8_t* file, size_t bytes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_FACTS_H_
