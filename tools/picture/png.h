// PNG: its chunks are walked here, its pixels come from stb_image.
#ifndef LEVIT_TOOLS_PICTURE_PNG_H_
#define LEVIT_TOOLS_PICTURE_PNG_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// Indices beyond the palette are black. Orientation is that of eXIf, else of a text chunk "Raw profile type
// exif", else of XMP. A missing IEND does not matter. Throws std::runtime_error with the cause.
StoredPicture decode_png(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_PNG_H_
