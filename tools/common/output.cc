// Results, complaints and the line of progress between them; one lock, because a thread draws that line.
#include "tools/common/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

// "1 h 02 min", "3 min 20 s", "12 s".
std::string duration(double seconds) {
  const auto whole = static_cast<unsigned long>(seconds + 0.5);
  char text[64];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
  } else if (whole >= 60) {
    std::snprintf(text, sizeof text, "%lu min %02lu s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lu s", whole);
  }
  return text;
}

// What fits, ended behind a whole statement where there is one: they are joined by ", ".
std::string shortened(const std::string& text, size_t columns) {
  if (text.size() <= columns) return text;
  const size_t comma = text.rfind(", ", columns);
  return text.substr(0, comma == std::string::npos ? columns : comma);
}

void write_error(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

// The line of the terminal that shows progress. Its thread draws; everybody who writes in between takes the
// line away first and puts it back.
class ProgressLine {
 public:
  static ProgressLine& get() {
    static ProgressLine line;
    return line;
  }

  void push(const Progress* progress) {
    const std::lock_guard<std::mutex> lock(mutex_);
    shown_.push_back(progress);
    if (isatty(STDERR_FILENO) == 0 || ticker_.joinable()) return;
    try {
      ticker_ = std::thread(&ProgressLine::tick, this);
    } catch (const std::system_error&) {  // a limit of threads: update() draws
    }
  }

  void pop(const Progress* progress) {
    std::unique_lock<std::mutex> lock(mutex_);
    shown_.erase(std::remove(shown_.begin(), shown_.end(), progress), shown_.end());
    erase();
    if (!shown_.empty() || !ticker_.joinable()) return;
    lock.unlock();
    ended_.notify_all();
    ticker_.join();
  }

  // Calls change() while nothing draws.
  template <typename Change>
  void change(const Change& change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    change();
    if (Progress::Clock::now() >= next_) draw();
  }

  // Calls write() while the line is not there.
  template <typename Write>
  void write_between(const Write& write) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool drawn = drawn_;
    erase();
    write();
    if (drawn) draw();
  }

  void hide() {
    const std::lock_guard<std::mutex> lock(mutex_);
    erase();
  }

 private:
  static constexpr auto kFirst = std::chrono::milliseconds(500), kStep = std::chrono::milliseconds(200);

  void tick() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!shown_.empty()) {
      ended_.wait_for(lock, kStep);
      draw();
    }
  }

  void draw() {
    if (shown_.empty() || isatty(STDERR_FILENO) == 0) return;
    const Progress& progress = *shown_.back();
    const auto now = Progress::Clock::now();
    if (progress.hidden_ || now - progress.start_ < kFirst) return;
    next_ = now + kStep;
    const size_t known = terminal_columns(STDERR_FILENO), columns = known > 0 ? known : 80;
    write_error("\r\x1b[K" + shortened(progress.text(), columns - 1));
    drawn_ = true;
  }

  void erase() {
    if (drawn_) write_error("\r\x1b[K");
    drawn_ = false;
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::thread ticker_;
  std::vector<const Progress*> shown_;
  Progress::Clock::time_point next_;
  bool drawn_ = false;
};

size_t terminal_columns(int descriptor) {
  struct winsize size {};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void print(const std::string& text) {
  const auto write = [&text] {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw std::runtime_error(std::string("the results cannot be written: ") + std::strerror(errno));
  };
  if (isatty(STDOUT_FILENO) != 0) {
    ProgressLine::get().write_between(write);
  } else {
    write();
  }
}

void complain(const std::string& text, const char* program) {
  const std::string line = program + (": " + visible(text)) + "\n";
  ProgressLine::get().write_between([&line] { write_error(line); });
}

Progress::Progress(size_t total, const char* unit) : total_(total), unit_(unit), start_(Clock::now()) {
  ProgressLine::get().push(this);
}

Progress::~Progress() {
  ProgressLine::get().pop(this);
}

void Progress::update(size_t done, const std::string& note) {
  ProgressLine::get().change([this, done, &note] {
    done_ = done;
    note_ = note;
    hidden_ = false;
  });
}

void Progress::clear() {
  ProgressLine::get().change([this] { hidden_ = true; });
  ProgressLine::get().hide();
}

std::string Progress::text() const {
  const std::string so_far = std::to_string(done_) + " of " + std::to_string(total_) + " " + unit_;
  if (done_ == 0) return so_far + ", " + duration(seconds());
  const double rate = static_cast<double>(done_) / seconds();
  const double left = static_cast<double>(total_ - std::min(done_, total_)) / rate;
  return so_far + ", " + fixed(rate, rate < 10 ? 1 : 0) + " per second, " + duration(left) + " left" +
         (note_.empty() ? "" : ", " + note_);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace levit::tools
