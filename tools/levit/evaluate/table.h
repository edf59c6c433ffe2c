// Tables of text that fit a terminal.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_TABLE_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_TABLE_H_

#include <string>
#include <vector>

namespace levit::tools {

// Rows of cells below titles. What is wider than the terminal goes on below, behind the first column again.
class Table {
 public:
  // `align`: "l" or "r" for each column, as "lrrl".
  Table(std::vector<std::string> titles, std::string align);

  // As many cells as there are titles; an empty cell is none.
  void add(std::vector<std::string> cells);

  // `columns`: of the terminal; 0: as wide as it is.
  std::string text(size_t columns) const;

 private:
  std::string block(size_t first, size_t last, const std::vector<size_t>& widths) const;

  std::string align_;
  std::vector<std::vector<std::string>> rows_;  // the titles first
};

// A sentence in lines of so many columns, broken at blanks; those behind the first are set in. 0: one line.
std::string wrapped(const std::string& sentence, size_t columns);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_TABLE_H_
