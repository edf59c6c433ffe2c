#include "tools/draw/colormap.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace levit::tools {
namespace {

constexpr float kDegree = 3.14159265F / 180;

float linear_of(uint8_t value) {
  const float v = static_cast<float>(value) / 255;
  return v <= 0.04045F ? v / 12.92F : std::pow((v + 0.055F) / 1.055F, 2.4F);
}

float encoded(float v) {
  return v <= 0.0031308F ? v * 12.92F : 1.055F * std::pow(v, 1 / 2.4F) - 0.055F;
}

std::array<float, 3> linear_rgb(OkLab lab) {
  const auto cube = [](float v) { return v * v * v; };
  const float l = cube(lab.lightness + 0.3963377774F * lab.a + 0.2158037573F * lab.b);
  const float m = cube(lab.lightness - 0.1055613458F * lab.a - 0.0638541728F * lab.b);
  const float s = cube(lab.lightness - 0.0894841775F * lab.a - 1.2914855480F * lab.b);
  return {4.0767416621F * l - 3.3077115913F * m + 0.2309699292F * s,
          -1.2684380046F * l + 2.6097574011F * m - 0.3413193965F * s,
          -0.0041960863F * l - 0.7034186147F * m + 1.7076147010F * s};
}

bool in_gamut(OkLab lab) {
  const std::array<float, 3> rgb = linear_rgb(lab);
  return std::all_of(rgb.begin(), rgb.end(), [](float v) { return v >= -1e-4F && v <= 1.0001F; });
}

// Lightness, chroma and hue (degrees) of a colour along a map.
struct Stop {
  float lightness, chroma, hue;
};

// The colour at `position` in [0, 1] on the way over equally spaced stops; straight in lightness, chroma and
// hue.
template <size_t count>
Colour along(const std::array<Stop, count>& stops, float position) {
  const float scaled = std::clamp(position, 0.0F, 1.0F) * static_cast<float>(count - 1);
  const size_t i = std::min(static_cast<size_t>(scaled), count - 2);
  const float t = scaled - static_cast<float>(i);
  const auto between = [t](float from, float to) { return from + t * (to - from); };
  const float chroma = between(stops[i].chroma, stops[i + 1].chroma);
  const float hue = between(stops[i].hue, stops[i + 1].hue) * kDegree;
  return from_oklab(
      {between(stops[i].lightness, stops[i + 1].lightness), chroma * std::cos(hue), chroma * std::sin(hue)});
}

}  // namespace

OkLab to_oklab(Colour colour) {
  const float r = linear_of(colour.red), g = linear_of(colour.green), b = linear_of(colour.blue);
  const float l = std::cbrt(0.4122214708F * r + 0.5363325363F * g + 0.0514459929F * b);
  const float m = std::cbrt(0.2119034982F * r + 0.6806995451F * g + 0.1073969566F * b);
  const float s = std::cbrt(0.0883024619F * r + 0.2817188376F * g + 0.6299787005F * b);
  return {0.2104542553F * l + 0.7936177850F * m - 0.0040720468F * s,
          1.9779984951F * l - 2.4285922050F * m + 0.4505937099F * s,
          0.0259040371F * l + 0.7827717662F * m - 0.8086757660F * s};
}

Colour from_oklab(OkLab lab) {
  float low = 0, high = 1;  // share of the chroma that the gamut holds
  if (!in_gamut(lab)) {
    for (int i = 0; i < 20; ++i) {
      const float middle = (low + high) / 2;
      (in_gamut({lab.lightness, lab.a * middle, lab.b * middle}) ? low : high) = middle;
    }
    lab = {lab.lightness, lab.a * low, lab.b * low};
  }
  const std::array<float, 3> rgb = linear_rgb(lab);
  const auto byte = [](float v) {
    return static_cast<uint8_t>(std::clamp(encoded(std::clamp(v, 0.0F, 1.0F)) * 255 + 0.5F, 0.0F, 255.0F));
  };
  return {byte(rgb[0]), byte(rgb[1]), byte(rgb[2])};
}

Colour heat_colour(float value) {
  static constexpr std::array<Stop, 6> kHeat = {{{0.20F, 0.09F, 285},
                                                 {0.35F, 0.16F, 305},
                                                 {0.50F, 0.20F, 350},
                                                 {0.65F, 0.20F, 392},
                                                 {0.80F, 0.17F, 430},
                                                 {0.95F, 0.10F, 465}}};
  return along(kHeat, value);
}

Colour signed_colour(float value) {
  static constexpr std::array<Stop, 3> kFor = {{{0.98F, 0, 25}, {0.77F, 0.14F, 25}, {0.53F, 0.22F, 27}}};
  static constexpr std::array<Stop, 3> kAgainst = {
      {{0.98F, 0, 250}, {0.77F, 0.12F, 250}, {0.50F, 0.19F, 258}}};
  return value >= 0 ? along(kFor, value) : along(kAgainst, -value);
}

}  // namespace levit::tools
