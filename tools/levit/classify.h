// levit classify: pictures in, verdicts out.
#ifndef LEVIT_TOOLS_LEVIT_CLASSIFY_H_
#define LEVIT_TOOLS_LEVIT_CLASSIFY_H_

#include <string>
#include <vector>

#include "tools/levit/answer.h"

namespace levit::tools {

struct ClassifyArguments {
  std::vector<std::string> paths;
  bool zero_separated = false;
  std::string model, target, resize;
  size_t threads = 0, batch = 1;
  std::string unsure = "0.35..0.65";
  bool json = false, csv = false, ignore_orientation = false, quiet = false, times = false;
};

// "0.35..0.65"; throws std::runtime_error for what is no band.
UnsureBand parse_band(const std::string& text);

// Prints a verdict per picture. Returns the exit code.
int run_classify(const ClassifyArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_CLASSIFY_H_
