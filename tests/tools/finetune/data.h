// What the tests of levit finetune learn from.
#ifndef LEVIT_TESTS_TOOLS_FINETUNE_DATA_H_
#define LEVIT_TESTS_TOOLS_FINETUNE_DATA_H_

#include <string>

#include "tests/support/npy.h"
#include "tests/support/scratch_directory.h"

namespace levit::tests {

// Pictures of two classes that differ in brightness: <folder>/dark and <folder>/light.
inline void write_data(const ScratchDirectory& d, const std::string& folder, size_t count) {
  for (size_t i = 0; i < 2 * count; ++i) {
    const bool light = i >= count;
    const std::string name = folder + (light ? "/light/" : "/dark/") + std::to_string(i % count) + ".ppm";
    std::string file = "P6 16 12 255\n";
    for (const double value : uniform(name, size_t{3} * 16 * 12))
      file += static_cast<char>(static_cast<int>((light ? 150 : 90) + 80 * value));
    d.write(name, file);
  }
}

}  // namespace levit::tests

#endif  // LEVIT_TESTS_TOOLS_FINETUNE_DATA_H_
