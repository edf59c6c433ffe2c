#include "tools/common/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

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

}  // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::runtime_error(std::string("the results cannot be written: ") + std::strerror(errno));
}

void complain(const std::string& text, const char* program) {
  const std::string line = program + (": " + visible(text)) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Progress::Progress(size_t total, const char* unit)
    : total_(total),
      unit_(unit),
      shown_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      next_(start_ + std::chrono::milliseconds(500)) {}

void Progress::update(size_t done) {
  if (!shown_ || done == 0 || Clock::now() < next_) return;
  next_ = Clock::now() + std::chrono::milliseconds(200);
  const double rate = static_cast<double>(done) / seconds();
  const double left = static_cast<double>(total_ - done) / rate;
  const std::string line = "\r\x1b[K" + std::to_string(done) + " of " + std::to_string(total_) + " " + unit_ +
                           ", " + fixed(rate, rate < 10 ? 1 : 0) + " per second, " + duration(left) + " left";
  std::fwrite(line.data(), 1, line.size(), stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace levit::tools
