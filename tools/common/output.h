// The two streams of a program: results on standard output, everything else on standard error.
#ifndef LEVIT_TOOLS_COMMON_OUTPUT_H_
#define LEVIT_TOOLS_COMMON_OUTPUT_H_

#include <chrono>
#include <string>

namespace levit::tools {

// Writes and flushes results. Throws std::runtime_error when they cannot be written, as on a full disk.
void print(const std::string& text);

// One line on standard error: the program's name and the text, made visible.
void complain(const std::string& text, const char* program = "levit");

// How far a long run is, on one line of standard error that is redrawn a few times a second, with rate and
// time left. Shows nothing when standard error is not a terminal, and nothing in the first half second.
class Progress {
 public:
  Progress(size_t total, const char* unit);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(size_t done);

  // Takes the line away, so that other text can be written.
  void clear();

  double seconds() const;  // since the start

 private:
  using Clock = std::chrono::steady_clock;
  const size_t total_;
  const char* const unit_;
  const bool shown_;
  const Clock::time_point start_;
  Clock::time_point next_;
  bool drawn_ = false;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_OUTPUT_H_
