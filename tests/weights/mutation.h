// Damaged files in one readable line each.
#ifndef LEVIT_TESTS_WEIGHTS_MUTATION_H_
#define LEVIT_TESTS_WEIGHTS_MUTATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "levit.h"

namespace levit::tests {

using Bytes = std::vector<uint8_t>;

// Steps from left to right, separated by spaces; offsets and bytes are hexadecimal, lengths decimal:
//   @001F=8A00   the bytes from offset 1F on become 8A 00
//   @0020<0040   the 32 bytes from offset 20 on become a copy of those from offset 40 on (an entry of the
//   table) #100         the file is cut to 100 bytes, or filled up with zeros !size        the header's file
//   size is made right !checksum    the checksum is made right
// Throws std::invalid_argument for anything else.
Bytes mutate(Bytes bytes, const std::string& steps);

// What levit_open says of these bytes at an aligned address.
levit_status status_of(const Bytes& bytes);

}  // namespace levit::tests

#endif  // LEVIT_TESTS_WEIGHTS_MUTATION_H_
