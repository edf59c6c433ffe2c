// GIF: the first frame on its logical screen, as Pillow shows it.
#ifndef LEVIT_TOOLS_PICTURE_GIF_H_
#define LEVIT_TOOLS_PICTURE_GIF_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// A transparent pixel has the colour that its palette entry holds; what the frame leaves of the screen has
// the transparent colour, else the first. The result is incomplete when the file ends, or its data do, in
// front of the last pixel. Throws std::runtime_error with the cause.
StoredPicture decode_gif(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_GIF_H_
