// Two colour maps: one for heat, one for signed values.
#ifndef LEVIT_TOOLS_DRAW_COLORMAP_H_
#define LEVIT_TOOLS_DRAW_COLORMAP_H_

#include "tools/draw/canvas.h"

namespace levit::tools {

// A point of the OKLab space (Ottosson 2020), in which equal steps look equally large: lightness 0 to 1,
// green to red, blue to yellow.
struct OkLab {
  float lightness, a, b;
};
OkLab to_oklab(Colour colour);
// The nearest colour that sRGB has at this lightness and hue.
Colour from_oklab(OkLab lab);

// Heat in [0, 1] from indigo over magenta and orange to pale yellow, with lightness rising in equal steps.
// Values outside are clamped.
Colour heat_colour(float value);

// Signed values in [-1, 1]: blue speaks against, red for; white is nothing.
Colour signed_colour(float value);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_COLORMAP_H_
