// WebP through libwebp; only in builds that have it.
#ifndef LEVIT_TOOLS_PICTURE_WEBP_H_
#define LEVIT_TOOLS_PICTURE_WEBP_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// Of an animation, the first frame on its black canvas. A file that ends early gives the rows that are there.
// Throws std::runtime_error with the cause.
StoredPicture decode_webp(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_WEBP_H_
