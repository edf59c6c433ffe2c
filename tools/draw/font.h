// A small stroke font of our own: printable ASCII and a few signs, drawn at any size.
#ifndef LEVIT_TOOLS_DRAW_FONT_H_
#define LEVIT_TOOLS_DRAW_FONT_H_

#include <string>
#include <string_view>

#include "tools/draw/canvas.h"

namespace levit::tools {

struct TextStyle {
  float size;  // height of a capital letter in pixels
  Colour colour;
  bool bold = false;
};

// Draws UTF-8 text with its baseline at y and its left edge at x; returns its width. A character that the
// font does not have is drawn as an empty box.
float draw_text(Canvas& canvas, float x, float y, std::string_view text, const TextStyle& style);

// Width of the same text in pixels.
float text_width(std::string_view text, const TextStyle& style);

// The text, shortened in its middle by "..." until it fits `width` pixels.
std::string fitted_text(std::string_view text, float width, const TextStyle& style);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_FONT_H_
