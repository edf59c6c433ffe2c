#include "tools/checkpoint/message.h"

#include "tools/common/text.h"

namespace levit::tools {

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 120;
  return visible(text.substr(0, kLongest)) + (text.size() > kLongest ? "..." : "");
}

std::string in_quotes(std::string_view text) {
  return "'" + printable(text) + "'";
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (const uint64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace levit::tools
