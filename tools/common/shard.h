// Work that is divided: which part of a list is whose, and a file of result lines that can go on where a
// killed run left it.
#ifndef LEVIT_TOOLS_COMMON_SHARD_H_
#define LEVIT_TOOLS_COMMON_SHARD_H_

#include <cstddef>
#include <string>

namespace levit::tools {

// The part `index` of `parts` (1 <= index <= parts) of that many items: [first, last). Parts differ by one
// item at most, and all of them in order are the whole.
struct Shard {
  size_t index = 1, parts = 1;
  size_t first(size_t items) const { return (index - 1) * items / parts; }
  size_t last(size_t items) const { return index * items / parts; }
};

// "2/4"; throws std::runtime_error for what is no shard.
Shard parse_shard(const std::string& text);
std::string shard_text(const Shard& shard);

// Lines go to the end of a file as soon as they are there.
class LineFile {
 public:
  // Makes the file, or cuts what is there to `bytes`; until it is closed no other run can. Throws
  // std::runtime_error "path: cause", like append(); whoever reads first what is there asks
  // refuse_special_file() (atomic_file.h) before.
  LineFile(const std::string& path, size_t bytes);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append(const std::string& text);

 private:
  std::string path_;
  int file_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_SHARD_H_
