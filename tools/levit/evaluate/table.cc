#include "tools/levit/evaluate/table.h"

#include <algorithm>
#include <utility>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

constexpr const char* kGap = "  ";
constexpr size_t kGapColumns = 2;
constexpr const char* kCut = "...";  // in front of the end of a name that is too long
constexpr size_t kLeastName = 8;

// The end of a name, which tells files of one folder apart.
std::string shortened(const std::string& name, size_t width) {
  if (characters(name) <= width) return name;
  size_t begin = name.size(), kept = 3;
  while (begin > 0 && kept < width) {
    --begin;
    while (begin > 0 && (static_cast<unsigned char>(name[begin]) & 0xc0U) == 0x80U) --begin;
    ++kept;
  }
  return kCut + name.substr(begin);
}

std::string aligned(const std::string& text, size_t width, char align) {
  const std::string blanks(width - std::min(width, characters(text)), ' ');
  return align == 'r' ? blanks + text : text + blanks;
}

}  // namespace

Table::Table(std::vector<std::string> titles, std::string align) : align_(std::move(align)) {
  add(std::move(titles));
}

void Table::add(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

// The first column and those from `first` to before `last`.
std::string Table::block(size_t first, size_t last, const std::vector<size_t>& widths) const {
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    std::string line = aligned(shortened(row[0], widths[0]), widths[0], align_[0]);
    for (size_t j = first; j < last; ++j) line += kGap + aligned(row[j], widths[j], align_[j]);
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Table::text(size_t columns) const {
  std::vector<size_t> widths(align_.size());
  for (const std::vector<std::string>& row : rows_)
    for (size_t j = 0; j < row.size(); ++j) widths[j] = std::max(widths[j], characters(row[j]));
  if (columns == 0) return block(1, widths.size(), widths);
  const size_t widest = *std::max_element(widths.begin() + 1, widths.end()) + kGapColumns;
  const size_t room = columns > widest ? columns - widest : 0;
  widths[0] = std::min(widths[0], std::max(room, kLeastName));
  std::string text;
  for (size_t first = 1; first < widths.size();) {
    size_t last = first, width = widths[0];
    do {
      width += kGapColumns + widths[last++];
    } while (last < widths.size() && width + kGapColumns + widths[last] <= columns);
    text += (first > 1 ? "\n" : "") + block(first, last, widths);
    first = last;
  }
  return text;
}

std::string wrapped(const std::string& sentence, size_t columns) {
  constexpr const char* kSetIn = "  ";
  std::string text, line;
  for (size_t begin = 0; begin < sentence.size();) {
    const size_t end = std::min(sentence.find(' ', begin), sentence.size());
    const std::string word = sentence.substr(begin, end - begin);
    const bool fits = columns == 0 || line.empty() || characters(line) + 1 + characters(word) <= columns;
    if (fits) {
      line += (line.empty() || line == kSetIn ? "" : " ") + word;
    } else {
      text += line + "\n";
      line = kSetIn + word;
    }
    begin = end + 1;
  }
  return text + line + "\n";
}

}  // namespace levit::tools
