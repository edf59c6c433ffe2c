// stb_image behind functions, so that its code and its switches stay in one translation unit.
#ifndef LEVIT_TOOLS_PICTURE_STB_H_
#define LEVIT_TOOLS_PICTURE_STB_H_

#include <optional>
#include <string>

#include "tools/picture/decoder.h"

namespace levit::tools {

// Decodes a whole PNG (or, in a build without libjpeg-turbo, JPEG) of that size, which was walked before. The
// pixels are stored, not upright. Throws std::runtime_error with the cause.
Picture decode_with_stb(Bytes file, size_t width, size_t height);

// A zlib stream unpacked; nothing when it is damaged or longer than `most` bytes.
std::optional<std::string> inflate(Bytes stream, size_t most);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_STB_H_
