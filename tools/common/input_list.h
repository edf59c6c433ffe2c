// From what a user named (files, directories, lists) to the files to work on, in one defined order.
#ifndef LEVIT_TOOLS_COMMON_INPUT_LIST_H_
#define LEVIT_TOOLS_COMMON_INPUT_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace levit::tools {

struct Input {
  std::string path;   // "-" for a picture on standard input
  std::string error;  // not empty: why there is nothing to open, as "Permission denied"
  std::shared_ptr<const std::vector<uint8_t>> bytes = {};  // of a picture on standard input, else null
};

struct InputList {
  std::vector<Input> inputs;
  size_t skipped = 0;   // in directories: hidden, not named like a picture, or a pipe, socket or device
  size_t repeated = 0;  // paths named more than once
};

// Walks `arguments` in their order. An argument is
//   a file: taken whatever its name, be it a pipe or a device;
//   a directory: its pictures by extension, then its directories, each sorted by the bytes of the name;
//     hidden entries and what is no regular file are skipped; links are followed, and a directory is walked
//     only once, so that a loop of links ends;
//   "@file" or "-" (standard input, once): one such path per line, or per zero byte with `zero_separated`; a
//     byte order mark in front is no part of the first. When the bytes of standard input are no text but a
//     picture, they are the input.
// A path that is reached twice is taken once, where it came first; two links to one file are two paths. What
// cannot be read, and a directory without a picture, stays in the list with its error.
// `results`: a directory that is passed over within others, since what is written there is no input of the
// next run; empty for none. Throws Interrupted when Ctrl-C ends the wait for a list.
InputList list_inputs(const std::vector<std::string>& arguments, bool zero_separated,
                      const std::string& results = "");

// Whether a name ends in an extension of a picture, whatever its case.
bool is_picture_name(const std::string& path);
bool is_npy_name(const std::string& path);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_INPUT_LIST_H_
