// The bytes of a picture file in order, so that a JPEG never lies in memory as a whole.
#ifndef LEVIT_TOOLS_PICTURE_SOURCE_H_
#define LEVIT_TOOLS_PICTURE_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "tools/common/input_file.h"
#include "tools/picture/metadata.h"

namespace levit::tools {

class Source {
 public:
  // Opens a file and reads its first piece. Throws std::runtime_error with the cause, or Interrupted.
  explicit Source(const std::string& path);
  // A file in memory, which must stay.
  explicit Source(Bytes file) : piece_(file) {}

  // The piece at hand: at first the file's beginning, or all of a short file.
  Bytes piece() const { return piece_; }
  // Reads on: the piece behind it, empty at the end of the file. False, and no piece, when reading failed;
  // problem() says why.
  bool next();
  const std::string& problem() const { return problem_; }
  // Whether Ctrl-C is why reading failed.
  bool stopped() const { return stopped_; }
  // The whole file, when next() was not called yet. Throws std::runtime_error with the cause.
  Bytes all();

 private:
  bool fill(size_t from);

  std::unique_ptr<InputFile> file_;  // null: in memory
  size_t total_ = 0;                 // bytes read so far
  size_t expected_ = 0;
  std::vector<uint8_t> buffer_;
  Bytes piece_{nullptr, 0};
  std::string problem_;
  bool stopped_ = false;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_PICTURE_SOURCE_H_
