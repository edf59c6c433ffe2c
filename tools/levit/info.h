// levit info: what is in a weight file, and what it takes to run it here.
#ifndef LEVIT_TOOLS_LEVIT_INFO_H_
#define LEVIT_TOOLS_LEVIT_INFO_H_

#include <string>

namespace levit::tools {

struct InfoArguments {
  std::string path, model;
  bool json = false;
};

// Prints a table or JSON. Returns the exit code.
int run_info(const InfoArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_INFO_H_
