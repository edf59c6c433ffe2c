// Files that are there whole or not at all.
#ifndef LEVIT_TOOLS_COMMON_ATOMIC_FILE_H_
#define LEVIT_TOOLS_COMMON_ATOMIC_FILE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace levit::tools {

// Writes a temporary file beside `path`, has it on the disk, and gives it its name; through a link, to where
// it points. A file that was there stays until then, and after an error. Throws std::runtime_error with the
// cause, "No space left on device" for example, and leaves nothing behind.
void write_atomically(const std::string& path, const std::vector<uint8_t>& bytes);

// The same for pieces that lie apart and make one file.
void write_atomically(const std::string& path, std::initializer_list<std::string_view> pieces);

// Removes what a write_atomically(path) that was killed has left beside it. Nobody else may be writing there.
void remove_unfinished(const std::string& path);

// Throws std::runtime_error "path: cause" for a directory, a pipe or a device; nothing need be there.
void refuse_special_file(const std::string& path);

// Throws it too where write_atomically() would fail after a long computation, in a folder that is missing or
// not writable.
void check_output_path(const std::string& path);

// Whether both paths lead to one existing file.
bool same_file(const std::string& a, const std::string& b);

// Throws std::runtime_error "output: is an input too ..." when a file that is to be written is one of those
// that are read. An empty output is none.
void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs);

// Throws std::runtime_error "output: is asked for twice ..." when two files that are to be written are one,
// which need not be there. Empty names are none.
void refuse_same_output(const std::vector<std::string>& outputs);

// Throws std::runtime_error "output: lies in folder ..." when a directory of results would be below (or be)
// one that is read, where the next run takes them for data. An empty folder is none.
void refuse_output_inside(const std::string& output, const std::string& folder);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_ATOMIC_FILE_H_
