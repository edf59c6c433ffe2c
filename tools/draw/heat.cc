// Bilinear grids, blur and percentiles, and the two ways in which a map is laid over a picture.
#include "tools/draw/heat.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/draw/colormap.h"

namespace levit::tools {
namespace {

Colour grey_of(Colour colour) {
  const auto value = static_cast<uint8_t>(std::lround(luma(colour)));
  return {value, value, value};
}

// Pixels that the network did not see: pale and without colour.
Colour dimmed(Colour colour) {
  return mix(grey_of(colour), {255, 255, 255}, 0.6F);
}

// The picture stays recognisable below the heat: its colours are muted, and cold regions are covered least.
Colour heated(Colour pixel, float value) {
  return mix(mix(pixel, grey_of(pixel), 0.5F), heat_colour(value), 0.45F + 0.25F * value);
}

// shap shows the picture at 15 % opacity below the values; 35 % keeps its outlines readable on a screen.
Colour signed_over(Colour pixel, float value) {
  const Colour paper = mix({255, 255, 255}, grey_of(pixel), 0.35F);
  const float strength = std::min(std::abs(value), 1.0F);
  return mix(paper, signed_colour(value), strength);
}

template <typename Paint>
Canvas painted(const Canvas& picture, const levit_window& window, const Grid& grid, Paint paint) {
  Canvas result(picture.width, picture.height, {0, 0, 0});
  for (size_t y = 0; y < picture.height; ++y) {
    const double down = (static_cast<double>(y) + 0.5 - window.top) / window.height;
    for (size_t x = 0; x < picture.width; ++x) {
      const double across = (static_cast<double>(x) + 0.5 - window.left) / window.width;
      const Colour pixel = picture.at(x, y);
      const bool seen = across >= 0 && across <= 1 && down >= 0 && down <= 1;
      result.set(x, y, seen ? paint(pixel, grid_value(grid, across, down)) : dimmed(pixel));
    }
  }
  return result;
}

}  // namespace

float grid_value(const Grid& grid, double x, double y) {
  const double last = static_cast<double>(grid.side) - 1;
  const double across = std::clamp(x * static_cast<double>(grid.side) - 0.5, 0.0, last);
  const double down = std::clamp(y * static_cast<double>(grid.side) - 0.5, 0.0, last);
  const auto left = static_cast<size_t>(across), top = static_cast<size_t>(down);
  const size_t right = std::min(left + 1, grid.side - 1), bottom = std::min(top + 1, grid.side - 1);
  const auto fx = static_cast<float>(across - static_cast<double>(left));
  const auto fy = static_cast<float>(down - static_cast<double>(top));
  const float* upper = &grid.values[top * grid.side];
  const float* lower = &grid.values[bottom * grid.side];
  return (1 - fy) * ((1 - fx) * upper[left] + fx * upper[right]) +
         fy * ((1 - fx) * lower[left] + fx * lower[right]);
}

Grid blurred(const Grid& grid, double sigma) {
  const auto reach = static_cast<long>(std::ceil(3 * sigma)), last = static_cast<long>(grid.side) - 1;
  std::vector<float> weights;
  float sum = 0;
  for (long k = -reach; k <= reach; ++k) {
    const double distance = static_cast<double>(k) / sigma;
    weights.push_back(static_cast<float>(std::exp(-distance * distance / 2)));
    sum += weights.back();
  }
  // Each pass blurs along rows and transposes, so two passes give both directions.
  Grid from = grid, to = grid;
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t y = 0; y < grid.side; ++y) {
      for (size_t x = 0; x < grid.side; ++x) {
        float value = 0;
        for (long k = -reach; k <= reach; ++k) {
          const auto column = static_cast<size_t>(std::clamp(static_cast<long>(x) + k, 0L, last));
          value += weights[static_cast<size_t>(k + reach)] * from.values[y * grid.side + column];
        }
        to.values[x * grid.side + y] = value / sum;
      }
    }
    std::swap(from, to);
  }
  return from;
}

float absolute_percentile(const std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  std::vector<float> sorted(values.size());
  std::transform(values.begin(), values.end(), sorted.begin(), [](float v) { return std::abs(v); });
  std::sort(sorted.begin(), sorted.end());
  const double position = std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const auto t = static_cast<float>(position - static_cast<double>(below));
  return sorted[below] + t * (sorted[above] - sorted[below]);
}

levit_window scaled_window(const levit_window& window, const Canvas& original, const Canvas& scaled) {
  const double across = static_cast<double>(scaled.width) / static_cast<double>(original.width);
  const double down = static_cast<double>(scaled.height) / static_cast<double>(original.height);
  return {window.left * across, window.top * down, window.width * across, window.height * down};
}

Canvas heat_overlay(const Canvas& picture, const levit_window& window, const Grid& heat) {
  return painted(picture, window, heat, heated);
}

Canvas signed_overlay(const Canvas& picture, const levit_window& window, const Grid& values, float scale) {
  const float factor = scale > 0 ? 1 / scale : 0;
  return painted(picture, window, values,
                 [factor](Colour pixel, float value) { return signed_over(pixel, value * factor); });
}

}  // namespace levit::tools
