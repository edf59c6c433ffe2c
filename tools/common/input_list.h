// From what a user named (files, directories, lists) to the files to work on, in one defined order.
#ifndef LEVIT_TOOLS_COMMON_INPUT_LIST_H_
#define LEVIT_TOOLS_COMMON_INPUT_LIST_H_

#include <string>
#include <vector>

namespace levit::tools {

struct Input {
  std::string path;
  std::string error;  // not empty: why there is nothing to open, as "Permission denied"
};

struct InputList {
  std::vector<Input> inputs;
  size_t skipped = 0;   // files in directories that are hidden or not named like a picture
  size_t repeated = 0;  // paths named more than once
};

// Walks `arguments` in their order. An argument is
//   a file: taken whatever its name;
//   a directory: its pictures by extension, then its directories, each sorted by the bytes of the name;
//   hidden entries are
//     skipped; links are followed, and a directory is walked only once, so that a loop of links ends;
//   "@file" or "-" (standard input): one such path per line, or per zero byte with `zero_separated`.
// A path that is reached twice is taken once, where it came first; two links to one file are two paths. What
// cannot be read, and a directory without a picture, stays in the list with its error.
InputList list_inputs(const std::vector<std::string>& arguments, bool zero_separated);

// Whether a name ends in an extension of a picture, whatever its case.
bool is_picture_name(const std::string& path);
bool is_npy_name(const std::string& path);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_INPUT_LIST_H_
