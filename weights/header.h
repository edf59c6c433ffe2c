// The fixed part of a .levit file as a View, for a file whose strings are not checked yet.
#ifndef LEVIT_WEIGHTS_HEADER_H_
#define LEVIT_WEIGHTS_HEADER_H_

#include "weights/reader.h"

namespace levit::weights {

// Everything but note and labels, which need sound strings. `image` holds the fixed part and the table it
// announces.
View load_header(const uint8_t* image);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_HEADER_H_
