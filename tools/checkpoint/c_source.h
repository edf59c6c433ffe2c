// A weight file as C, so that a build links the model like code.
#ifndef LEVIT_TOOLS_CHECKPOINT_C_SOURCE_H_
#define LEVIT_TOOLS_CHECKPOINT_C_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace levit::tools {

// A source file in C99 (or newer, or C++) that defines `const uint64_t levit_weights[]`, aligned for
// levit_open, and `const size_t levit_weights_bytes`. Words and not bytes, as compilers take an eighth of the
// time and memory for them; they are those of a little-endian machine, the only kind that reads the format.
// image: a sound .levit file.
std::vector<uint8_t> c_source(const std::vector<uint8_t>& image);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_C_SOURCE_H_
