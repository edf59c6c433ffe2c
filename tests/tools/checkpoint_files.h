// The checkpoints of tests/data, and reading any file.
#ifndef LEVIT_TESTS_TOOLS_CHECKPOINT_FILES_H_
#define LEVIT_TESTS_TOOLS_CHECKPOINT_FILES_H_

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "tests/support/npy.h"

namespace levit::tests {

inline std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A file of tests/data/checkpoints.
inline std::string checkpoint_path(const std::string& name) {
  return data_path("checkpoints/" + name);
}
inline std::string checkpoint_bytes(const std::string& name) {
  return file_bytes(checkpoint_path(name));
}

// What a call throws; empty if it does not.
template <typename Call>
std::string thrown_by(Call call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

// Whether a message names a cause.
inline bool names(const std::string& message, const std::string& cause) {
  return message.find(cause) != std::string::npos;
}

}  // namespace levit::tests

#endif  // LEVIT_TESTS_TOOLS_CHECKPOINT_FILES_H_
