// Text from a file, made fit for a message of one line.
#ifndef LEVIT_TOOLS_CHECKPOINT_MESSAGE_H_
#define LEVIT_TOOLS_CHECKPOINT_MESSAGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace levit::tools {

// At most 120 bytes of it, control characters and bytes that are not UTF-8 as \xNN.
std::string printable(std::string_view text);

// The same between single quotes.
std::string in_quotes(std::string_view text);

// "[3, 32]".
std::string shape_text(const std::vector<uint64_t>& shape);

bool starts_with(std::string_view text, std::string_view start);
bool ends_with(std::string_view text, std::string_view end);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_MESSAGE_H_
