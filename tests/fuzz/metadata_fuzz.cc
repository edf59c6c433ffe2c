// EXIF, XMP, text and JUMBF on hostile bytes: every reader gets them all.
#include <cstdlib>
#include <string>

#include "tools/common/text.h"
#include "tools/picture/metadata.h"

namespace {

// What is said goes to terminals and JSON.
void check(const levit::tools::Metadata& metadata) {
  if (metadata.orientation < 0 || metadata.orientation > 8) std::abort();
  for (const std::string& sentence : metadata.says) {
    if (sentence.empty() || sentence.size() > 300 || !levit::tools::valid_utf8(sentence)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace levit::tools;
  Metadata metadata;
  const Bytes bytes{data, size};
  read_exif(bytes, metadata);
  read_xmp(bytes, metadata);
  read_jumbf(bytes, metadata);
  const int orientation = xmp_orientation(bytes);
  if (orientation < 0 || orientation > 8) std::abort();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t key = text.find('\n');  // the first line is a key
  read_text(text.substr(0, key), key == std::string::npos ? text : text.substr(key + 1), metadata);
  check(metadata);
  return 0;
}
