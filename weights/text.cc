#include "weights/text.h"

#include <cstddef>
#include <cstdint>

namespace levit::weights {
namespace {

// Bytes of the well-formed character at p, 0 when there is none. Overlong forms, surrogates and everything
// beyond U+10FFFF differ from well-formed characters in the range of the second byte only.
size_t character_bytes(const uint8_t* p, size_t left, bool lines) {
  const uint8_t first = p[0];
  if (first < 0x80) {
    const bool control = first < 0x20 || first == 0x7f;
    return !control || (lines && (first == '\t' || first == '\n')) ? 1 : 0;
  }
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < bytes) return 0;
  const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (p[1] < low || p[1] > high) return 0;
  if (first == 0xc2 && p[1] < 0xa0) return 0;  // the second block of control characters
  for (size_t i = 2; i < bytes; ++i) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

}  // namespace

const char* text_end(const char* text, const char* end, bool lines) {
  while (text != end && *text != '\0') {
    const size_t bytes =
        character_bytes(reinterpret_cast<const uint8_t*>(text), static_cast<size_t>(end - text), lines);
    if (bytes == 0) return nullptr;
    text += bytes;
  }
  return text == end ? nullptr : text + 1;
}

}  // namespace levit::weights
