// An RGB picture in memory and the few shapes that sheets and plots are made of.
#ifndef LEVIT_TOOLS_DRAW_CANVAS_H_
#define LEVIT_TOOLS_DRAW_CANVAS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace levit::tools {

struct Colour {
  uint8_t red, green, blue;
};

inline bool operator==(Colour a, Colour b) {
  return a.red == b.red && a.green == b.green && a.blue == b.blue;
}

// share 0: a, share 1: b; in between, a straight line in sRGB.
Colour mix(Colour a, Colour b, float share);

// 0.2989 R + 0.5870 G + 0.1140 B, the luma of ITU-R BT.601.
float luma(Colour colour);

struct Canvas {
  size_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height][width][3]

  Canvas() = default;
  Canvas(size_t columns, size_t rows, Colour background);
  Colour at(size_t x, size_t y) const;
  void set(size_t x, size_t y, Colour colour);
};

// Pixel x covers [x, x + 1). All shapes are clipped to the canvas and antialiased.
struct Point {
  float x, y;
};
struct Box {
  float x, y, width, height;
};

// Paints `colour` over pixel (x, y) with a coverage in [0, 1]; outside the canvas nothing happens.
void blend(Canvas& canvas, long x, long y, Colour colour, float coverage);

void fill_box(Canvas& canvas, Box box, Colour colour, float radius = 0, float opacity = 1);

// Connected strokes with round caps and joints; every pixel is painted once, however many strokes meet there.
void stroke(Canvas& canvas, const std::vector<Point>& points, float thickness, Colour colour,
            float opacity = 1);

// The same for several unconnected chains of points, such as the strokes of a letter.
void stroke_chains(Canvas& canvas, const std::vector<std::vector<Point>>& chains, float thickness,
                   Colour colour, float opacity = 1);

void paste(Canvas& canvas, const Canvas& source, size_t x, size_t y);

// Resampled with the triangle filter: bilinear when it grows, area-weighted when it shrinks. Sizes at
// least 1.
Canvas resized(const Canvas& source, size_t width, size_t height);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_CANVAS_H_
