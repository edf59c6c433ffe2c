// JPEG: by libjpeg-turbo (jpeg.cc), or by stb_image where a build has LEVIT_CODECS=OFF (jpeg_stb.cc).
#ifndef LEVIT_TOOLS_PICTURE_JPEG_H_
#define LEVIT_TOOLS_PICTURE_JPEG_H_

#include "tools/picture/decoder.h"
#include "tools/picture/source.h"

namespace levit::tools {

// Hands the rows of the file to the sink as they are decoded. True when pixels are missing: the file ends in
// front of them, or its data are damaged. Throws std::runtime_error with the cause.
bool decode_jpeg(Source& source, SizeLimit limit, const RowSink& sink);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_JPEG_H_
