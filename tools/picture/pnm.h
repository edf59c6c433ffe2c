// netpbm's formats: P1 to P6 (bitmap, grey and colour, as text and binary) and P7 (PAM).
#ifndef LEVIT_TOOLS_PICTURE_PNM_H_
#define LEVIT_TOOLS_PICTURE_PNM_H_

#include "tools/picture/decoder.h"

namespace levit::tools {

// Samples are scaled from the file's largest value, 1 .. 65535, to 255, rounded as Pillow rounds; of 16 bits
// the high byte is taken. A file that ends early gives an incomplete picture whose rest is black. Throws
// std::runtime_error with the cause.
StoredPicture decode_pnm(Bytes file, SizeLimit limit);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_PNM_H_
