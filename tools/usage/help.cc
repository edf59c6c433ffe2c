// Help that fits the terminal: CLI11 writes each description as one line.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "tools/usage/usage.h"

namespace levit::tools {
namespace {

constexpr size_t kNames = 30;       // CLI11's column of names; descriptions begin behind it
constexpr size_t kTwoColumns = 60;  // narrower, what is left for descriptions holds no sentence
constexpr size_t kNarrowest = 40;

// $COLUMNS, else those of the terminal that help goes to; 0 for a file or a pipe, whose lines stay whole.
size_t columns() {
  const char* const told = std::getenv("COLUMNS");
  const int wanted = told != nullptr ? std::atoi(told) : 0;
  struct winsize size {};
  if (wanted > 0) return static_cast<size_t>(wanted);
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// The line cut at spaces into lines of at most `width` bytes; a longer word stays whole. A description goes
// on in its column where there is room for one.
std::string folded(std::string line, size_t width) {
  const bool is_described = line.size() > kNames && line[kNames - 1] == ' ' && line[kNames] != ' ';
  const size_t hanging = line[0] == ' ' ? 4 : 0;
  const std::string indent(is_described && width >= kTwoColumns ? kNames : hanging, ' ');
  std::string lines;
  while (line.size() > width) {
    size_t cut = line.rfind(' ', width);
    if (cut == std::string::npos || cut <= indent.size()) cut = line.find(' ', width);
    const size_t next = line.find_first_not_of(' ', cut);
    if (cut == std::string::npos || next == std::string::npos) break;
    lines += line.substr(0, line.find_last_not_of(' ', cut) + 1) + "\n";
    line = indent + line.substr(next);
  }
  return lines + line;
}

std::string help_of(const CLI::App* app, std::string name, CLI::AppFormatMode mode) {
  const std::string help = CLI::Formatter().make_help(app, std::move(name), mode);
  const size_t width = columns();
  if (width < kNarrowest) return help;
  std::string text;
  for (const std::string& line : CLI::detail::split(help, '\n')) text += folded(line, width) + "\n";
  return text;
}

}  // namespace

void fit_help(CLI::App& app) {
  app.formatter_fn(help_of);
}

}  // namespace levit::tools
