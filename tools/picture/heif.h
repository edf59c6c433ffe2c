// HEIC and AVIF through libheif; only in builds with LEVIT_HEIF=ON.
#ifndef LEVIT_TOOLS_PICTURE_HEIF_H_
#define LEVIT_TOOLS_PICTURE_HEIF_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// The primary picture of a file whose format has that name (HEIC, AVIF). Rotation, mirroring and cropping are
// a part of these formats, not of their metadata: libheif applies them, whatever orientation EXIF repeats,
// and the result has orientation 0. Throws std::runtime_error with the cause.
StoredPicture decode_heif(Bytes file, const std::string& name, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_HEIF_H_
