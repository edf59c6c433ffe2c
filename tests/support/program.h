// The built program, run as a user runs it, and what such a run needs.
#ifndef LEVIT_TESTS_SUPPORT_PROGRAM_H_
#define LEVIT_TESTS_SUPPORT_PROGRAM_H_

#include <string>

#include "tests/support/scratch_directory.h"

namespace levit::tests {

struct Outcome {
  int exit = 0;  // 128 + the signal that ended it
  std::string out, err;
};

// Runs a line of bash in which $levit is the built program and LEVIT_MODEL is not set.
Outcome run(const std::string& line);

// The path as one word of bash.
std::string quoted(const std::string& path);

// Writes a seeded weight file that runs fast: the smallest network of the goldens, fp32. Returns its path.
std::string write_model(const ScratchDirectory& directory, uint32_t classes = 2);

// Writes a binary PPM with a seeded pattern. Returns its path.
std::string write_picture(const ScratchDirectory& directory, const std::string& name, size_t width = 20,
                          size_t height = 10);

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_PROGRAM_H_
