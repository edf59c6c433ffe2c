// stb_image behind one function, so that its code and its switches stay in one translation unit.
#ifndef LEVIT_TOOLS_PICTURE_STB_H_
#define LEVIT_TOOLS_PICTURE_STB_H_

#include "tools/picture/formats.h"
#include "tools/picture/picture.h"

namespace levit::tools {

// Decodes a JPEG, PNG or BMP that inspect() accepted; `header` is what it said. Throws std::runtime_error
// with the cause.
Picture decode_with_stb(Bytes file, const PictureHeader& header);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_STB_H_
