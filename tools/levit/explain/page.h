// index.html over the sheets of one run: browse, filter and sort without a script.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_PAGE_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

namespace levit::tools {

struct PageEntry {
  std::string name;              // the path as the user knows it
  std::string sheet, thumbnail;  // files relative to the page
  size_t label = 0;              // the most likely class
  double probability = 0;        // of that label
  double first_probability = 0;  // of class 0, for sorting
  bool unsure = false;
};

// Text for HTML: & < > " ' are escaped, bytes that are not UTF-8 replaced.
std::string html_text(std::string_view text);

// A complete page in one string.
std::string explanation_page(const std::string& title, const std::vector<std::string>& labels,
                             const std::vector<PageEntry>& entries);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_PAGE_H_
