// BMP of Windows and OS/2, of every header and compression that holds pixels of its own.
#ifndef LEVIT_TOOLS_PICTURE_BMP_H_
#define LEVIT_TOOLS_PICTURE_BMP_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// Pixels that the file does not draw, and indices beyond the palette, are black. The result is incomplete
// when the file ends in front of the last pixel. Throws std::runtime_error with the cause.
StoredPicture decode_bmp(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_BMP_H_
