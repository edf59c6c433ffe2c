// The .npy header on hostile bytes: what is accepted must be what it says.
#include <cstdlib>
#include <stdexcept>

#include "tools/common/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const levit::tools::NpyHeader header = levit::tools::parse_npy_header(data, size);
    size_t count = 1;
    for (const size_t side : header.shape) count *= side;
    if (header.begin > size || header.count != count || header.count > SIZE_MAX / 8) std::abort();
  } catch (const std::runtime_error&) {
  }
  return 0;
}
