// Orientation from EXIF metadata, the only thing of it that is read: pixels alone decide.
#ifndef LEVIT_TOOLS_PICTURE_EXIF_H_
#define LEVIT_TOOLS_PICTURE_EXIF_H_

#include <cstddef>
#include <cstdint>

namespace levit::tools {

// Tag 0x0112 of the first directory of a TIFF stream (JPEG's APP1 behind "Exif\0\0", PNG's eXIf chunk), 1
// .. 8. What is absent, malformed or out of range counts as 1, as stored.
int exif_orientation(const uint8_t* tiff, size_t bytes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_EXIF_H_
