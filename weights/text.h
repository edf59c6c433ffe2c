// What counts as text in a .levit file: well-formed UTF-8 (Unicode 15, table 3-7) without control characters.
#ifndef LEVIT_WEIGHTS_TEXT_H_
#define LEVIT_WEIGHTS_TEXT_H_

namespace levit::weights {

// Behind the zero that ends the string at `text`, or null when [text, end) has no such zero or is not text
// before it. `lines` allows tabs and newlines.
const char* text_end(const char* text, const char* end, bool lines);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_TEXT_H_
