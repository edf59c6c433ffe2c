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

// Columns of the terminal behind a descriptor; 0 when there is none, or it does not say.
size_t terminal_columns(int descriptor);

// How far a long run is: one line of standard error with rate and time left, never wider than the terminal
// and redrawn a few times a second, whatever print() and complain() write in between. Shows nothing when
// standard error is not a terminal, and nothing in the first half second. Of several, the one made last is
// shown.
class Progress {
 public:
  Progress(size_t total, const char* unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // note: what else there is to say, behind the rest ("loss 0.412").
  void update(size_t done, const std::string& note = "");

  // Takes the line away, until the next update().
  void clear();

  double seconds() const;  // since the start

 private:
  friend class ProgressLine;
  using Clock = std::chrono::steady_clock;
  std::string text() const;

  const size_t total_;
  const char* const unit_;
  const Clock::time_point start_;
  size_t done_ = 0;
  std::string note_;
  bool hidden_ = false;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_OUTPUT_H_
