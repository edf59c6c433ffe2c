// A file, pipe or device that is read from its start to its end, and waits no longer than until Ctrl-C.
#ifndef LEVIT_TOOLS_COMMON_INPUT_FILE_H_
#define LEVIT_TOOLS_COMMON_INPUT_FILE_H_

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace levit::tools {

// What a wait ends with when Ctrl-C comes. Not a failure of the input: whoever catches failures lets it pass.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped"; }
};

class InputFile {
 public:
  // Opens without waiting for the writer of a pipe. Throws std::runtime_error with the cause.
  explicit InputFile(const std::string& path);
  static InputFile standard_input() { return InputFile(0, false); }
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // Up to `bytes` bytes into `to`; 0 at the end only. Waits until there are some. Throws std::runtime_error
  // with the cause, or Interrupted.
  size_t read(void* to, size_t bytes);

  // Everything up to the end; more than `limit` bytes are an error with the cause `too_long`.
  std::vector<uint8_t> read_all(size_t limit, const char* too_long);

  bool directory() const;
  size_t expected_bytes() const;  // of a regular file, else 0

 private:
  InputFile(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  void wait() const;

  int descriptor_;
  bool owned_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_INPUT_FILE_H_
