// Names from file systems are bytes, not text: what the programs do to print them.
#ifndef LEVIT_TOOLS_COMMON_TEXT_H_
#define LEVIT_TOOLS_COMMON_TEXT_H_

#include <string>
#include <string_view>

namespace levit::tools {

bool valid_utf8(std::string_view bytes);

// Code points of UTF-8 text.
size_t characters(std::string_view text);

// For a terminal: control characters and bytes that are not UTF-8 become \xNN.
std::string visible(std::string_view bytes);

// For JSON, where bytes that are not UTF-8 cannot stand: every byte but letters, digits and -._~/ as %NN (RFC
// 3986).
std::string percent_encoded(std::string_view bytes);

// The bytes that percent_encoded() was given.
std::string percent_decoded(const std::string& text);

// With blanks behind it until it has that many characters.
std::string padded(std::string_view text, size_t width);

// A field of a CSV file: quoted when it holds a comma, a quote or a line break (RFC 4180). The bytes stay as
// they are.
std::string csv_field(std::string_view bytes);

// "1 picture", "2 pictures".
std::string counted(size_t count, const char* thing);

// A checksum as it is shown: 16 digits.
std::string hexadecimal(uint64_t value);

// "%.*f".
std::string fixed(double value, int decimals);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_TEXT_H_
