// Whether bytes are a .levit file that this library runs. Nothing is copied or allocated, each byte is
// touched once, and nothing in the file is believed before it is checked.
#ifndef LEVIT_WEIGHTS_VALIDATE_H_
#define LEVIT_WEIGHTS_VALIDATE_H_

#include "weights/reader.h"

namespace levit::weights {

// What is wrong with an image, in the order in which it is found (FORMAT.md, "refused as"). The caller of the
// library gets the status of the same name.
enum class Fault {
  kNone,
  kArgument,    // null
  kMisaligned,  // ALIGNMENT: not on 64 bytes
  kNoMagic,
  kByteOrder,  // of this processor
  kTruncated,
  kVersion,
  kFlags,
  kTrailing,
  kChecksum,
  kHeader,
  kConfig,
  kTensor,
  kStrings,
  kValue,    // not finite
  kPadding,  // not zero
};

// Checks everything and gives the first fault. What comes after kChecksum is checked all the same: a file
// made with care may have a checksum that fits.
Fault validate(const void* image, size_t bytes);

// std and temperature in [1e-3, 1e3], mean in [-1e3, 1e3]: arithmetic with them stays finite.
bool valid(const Preprocessing& preprocessing, float temperature);

// What counts as text in a file: well-formed UTF-8 (Unicode 15, table 3-7) without control characters. Gives
// the address behind the zero that ends the string at `text`, or null when [text, end) has no such zero or is
// not text before it. `lines` allows tabs and newlines.
const char* text_end(const char* text, const char* end, bool lines);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_VALIDATE_H_
