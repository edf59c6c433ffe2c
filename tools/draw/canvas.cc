// Antialiased boxes and strokes by signed distance, and resampling with the triangle filter.
#include "tools/draw/canvas.h"

#include <algorithm>
#include <cmath>

namespace levit::tools {
namespace {

struct Range {
  long begin, end;
};

// Pixels of [0, limit) that [low, high] touches.
Range clipped(float low, float high, size_t limit) {
  const auto last = static_cast<long>(limit);
  return {std::clamp(static_cast<long>(std::floor(low)), 0L, last),
          std::clamp(static_cast<long>(std::ceil(high)), 0L, last)};
}

float squared_distance(Point p, Point a, Point b) {
  const float dx = b.x - a.x, dy = b.y - a.y;
  const float length = dx * dx + dy * dy;
  const float t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0F, 1.0F) : 0.0F;
  const float ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
  return ex * ex + ey * ey;
}

// Weights of source pixels for each output pixel of one axis.
struct Taps {
  size_t first;
  std::vector<float> weights;
};

std::vector<Taps> triangle_taps(size_t from, size_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(scale, 1.0);
  std::vector<Taps> taps(to);
  for (size_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = static_cast<size_t>(std::max(0.0, std::floor(centre - support)));
    const size_t last = std::min(from, static_cast<size_t>(std::ceil(centre + support)));
    taps[i].first = first;
    double sum = 0;
    for (size_t k = first; k < last; ++k) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(k) + 0.5 - centre) / support);
      taps[i].weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : taps[i].weights) weight /= static_cast<float>(sum);
  }
  return taps;
}

}  // namespace

Colour mix(Colour a, Colour b, float share) {
  const auto channel = [share](uint8_t from, uint8_t to) {
    const float value = static_cast<float>(from) + share * static_cast<float>(to - from);
    return static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

float luma(Colour colour) {
  return 0.2989F * static_cast<float>(colour.red) + 0.5870F * static_cast<float>(colour.green) +
         0.1140F * static_cast<float>(colour.blue);
}

Canvas::Canvas(size_t columns, size_t rows, Colour background)
    : width(columns), height(rows), rgb(columns * rows * 3) {
  for (size_t i = 0; i < rgb.size(); i += 3) {
    rgb[i] = background.red;
    rgb[i + 1] = background.green;
    rgb[i + 2] = background.blue;
  }
}

Colour Canvas::at(size_t x, size_t y) const {
  const uint8_t* pixel = &rgb[(y * width + x) * 3];
  return {pixel[0], pixel[1], pixel[2]};
}

void Canvas::set(size_t x, size_t y, Colour colour) {
  uint8_t* pixel = &rgb[(y * width + x) * 3];
  pixel[0] = colour.red;
  pixel[1] = colour.green;
  pixel[2] = colour.blue;
}

void blend(Canvas& canvas, long x, long y, Colour colour, float coverage) {
  if (x < 0 || y < 0 || coverage <= 0) return;
  const auto column = static_cast<size_t>(x), row = static_cast<size_t>(y);
  if (column >= canvas.width || row >= canvas.height) return;
  canvas.set(column, row, mix(canvas.at(column, row), colour, std::min(coverage, 1.0F)));
}

void fill_box(Canvas& canvas, Box box, Colour colour, float radius, float opacity) {
  const float half_width = box.width / 2, half_height = box.height / 2;
  const float corner = std::min({radius, half_width, half_height});
  const Range rows = clipped(box.y, box.y + box.height, canvas.height);
  const Range columns = clipped(box.x, box.x + box.width, canvas.width);
  for (long y = rows.begin; y < rows.end; ++y) {
    for (long x = columns.begin; x < columns.end; ++x) {
      // Signed distance of the pixel's centre from the rounded outline; negative inside.
      const float dx = std::abs(static_cast<float>(x) + 0.5F - box.x - half_width) - half_width + corner;
      const float dy = std::abs(static_cast<float>(y) + 0.5F - box.y - half_height) - half_height + corner;
      const float outside = std::hypot(std::max(dx, 0.0F), std::max(dy, 0.0F));
      const float distance = outside + std::min(std::max(dx, dy), 0.0F) - corner;
      blend(canvas, x, y, colour, opacity * std::clamp(0.5F - distance, 0.0F, 1.0F));
    }
  }
}

void stroke(Canvas& canvas, const std::vector<Point>& points, float thickness, Colour colour, float opacity) {
  stroke_chains(canvas, {points}, thickness, colour, opacity);
}

void stroke_chains(Canvas& canvas, const std::vector<std::vector<Point>>& chains, float thickness,
                   Colour colour, float opacity) {
  const float reach = thickness / 2 + 0.5F;
  // Coverage is the maximum over segments, so it is gathered first and painted once.
  float left = 1e9F, top = 1e9F, right = -1e9F, bottom = -1e9F;
  for (const auto& chain : chains) {
    for (const Point p : chain) {
      left = std::min(left, p.x);
      right = std::max(right, p.x);
      top = std::min(top, p.y);
      bottom = std::max(bottom, p.y);
    }
  }
  if (right < left) return;
  const Range rows = clipped(top - reach, bottom + reach, canvas.height);
  const Range columns = clipped(left - reach, right + reach, canvas.width);
  const auto span = static_cast<size_t>(std::max(0L, columns.end - columns.begin));
  std::vector<float> coverage(span * static_cast<size_t>(std::max(0L, rows.end - rows.begin)), 0.0F);
  for (const auto& chain : chains) {
    for (size_t i = 0; i < chain.size(); ++i) {
      const Point a = chain[i], b = chain[std::min(i + 1, chain.size() - 1)];
      const Range near_rows = clipped(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach, canvas.height);
      const Range near_columns =
          clipped(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach, canvas.width);
      for (long y = near_rows.begin; y < near_rows.end; ++y) {
        for (long x = near_columns.begin; x < near_columns.end; ++x) {
          const Point centre = {static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F};
          const float distance = std::sqrt(squared_distance(centre, a, b));
          float& cell =
              coverage[static_cast<size_t>(y - rows.begin) * span + static_cast<size_t>(x - columns.begin)];
          cell = std::max(cell, std::clamp(reach - distance, 0.0F, 1.0F));
        }
      }
    }
  }
  for (long y = rows.begin; y < rows.end; ++y) {
    for (long x = columns.begin; x < columns.end; ++x) {
      blend(
          canvas, x, y, colour,
          opacity *
              coverage[static_cast<size_t>(y - rows.begin) * span + static_cast<size_t>(x - columns.begin)]);
    }
  }
}

void paste(Canvas& canvas, const Canvas& source, size_t x, size_t y) {
  if (x >= canvas.width || y >= canvas.height) return;
  const size_t columns = std::min(source.width, canvas.width - x);
  const size_t rows = std::min(source.height, canvas.height - y);
  for (size_t row = 0; row < rows; ++row) {
    std::copy_n(&source.rgb[row * source.width * 3], columns * 3,
                &canvas.rgb[((y + row) * canvas.width + x) * 3]);
  }
}

Canvas resized(const Canvas& source, size_t width, size_t height) {
  const std::vector<Taps> across = triangle_taps(source.width, width);
  const std::vector<Taps> down = triangle_taps(source.height, height);
  std::vector<float> narrowed(source.height * width * 3, 0.0F);
  for (size_t y = 0; y < source.height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      float* out = &narrowed[(y * width + x) * 3];
      for (size_t k = 0; k < across[x].weights.size(); ++k) {
        const uint8_t* in = &source.rgb[(y * source.width + across[x].first + k) * 3];
        for (size_t c = 0; c < 3; ++c) out[c] += across[x].weights[k] * static_cast<float>(in[c]);
      }
    }
  }
  Canvas result(width, height, {0, 0, 0});
  for (size_t y = 0; y < height; ++y) {
    for (size_t i = 0; i < width * 3; ++i) {
      float sum = 0.5F;
      for (size_t k = 0; k < down[y].weights.size(); ++k) {
        sum += down[y].weights[k] * narrowed[(down[y].first + k) * width * 3 + i];
      }
      result.rgb[y * width * 3 + i] = static_cast<uint8_t>(std::clamp(sum, 0.0F, 255.0F));
    }
  }
  return result;
}

}  // namespace levit::tools
