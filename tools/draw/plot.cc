// Axes, curves, bands and keys at fixed sizes.
#include "tools/draw/plot.h"

#include <algorithm>
#include <cstdio>

#include "tools/draw/font.h"

namespace levit::tools {
namespace {

constexpr Colour kPaper = {255, 255, 255};
constexpr Colour kInk = {24, 28, 36};
constexpr Colour kQuiet = {96, 104, 118};
constexpr Colour kLine = {226, 229, 234};
constexpr TextStyle kHeading = {15, kInk, true};
constexpr TextStyle kTitle = {12, kInk, true};
constexpr TextStyle kSmall = {10, kQuiet};

constexpr float kMargin = 36, kHeadingRoom = 44, kAbove = 56, kLeft = 48, kBelow = 52, kGap = 40;
constexpr float kWidth = 440, kHeight = 320, kKeyStep = 22;
constexpr int kTicks = 5;

struct Frame {
  float left, top;
  double limit;
  Point at(double x, double y) const {
    return {left + static_cast<float>(x) * kWidth, top + kHeight - static_cast<float>(y / limit) * kHeight};
  }
};

std::string tick_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

void draw_axes(Canvas& canvas, const Plot& plot, const Frame& frame) {
  draw_text(canvas, frame.left - kLeft, frame.top - kAbove + 12, plot.title, kTitle);
  draw_text(canvas, frame.left - kLeft + text_width(plot.title, kTitle) + 12, frame.top - kAbove + 12,
            plot.detail, kSmall);
  draw_text(canvas, frame.left - kLeft, frame.top - 12, plot.y_label, kSmall);
  for (int i = 0; i <= kTicks; ++i) {
    const double share = static_cast<double>(i) / kTicks;
    const Point across = frame.at(0, share * plot.top), down = frame.at(share, 0);
    fill_box(canvas, {across.x, across.y, kWidth, 1}, i == 0 ? kQuiet : kLine);
    const std::string y_text = tick_text(share * plot.top), x_text = tick_text(share);
    draw_text(canvas, across.x - 10 - text_width(y_text, kSmall), across.y + 5, y_text, kSmall);
    draw_text(canvas, down.x - text_width(x_text, kSmall) / 2, down.y + 20, x_text, kSmall);
  }
  const float middle = frame.left + (kWidth - text_width(plot.x_label, kSmall)) / 2;
  draw_text(canvas, middle, frame.top + kHeight + 42, plot.x_label, kSmall);
}

void draw_band(Canvas& canvas, const Curve& curve, const Frame& frame) {
  if (curve.low.size() < 2 || curve.low.size() != curve.high.size()) return;
  const auto steps = static_cast<double>(curve.low.size() - 1);
  for (int pixel = 0; pixel < static_cast<int>(kWidth); ++pixel) {
    const double position = (pixel + 0.5) / static_cast<double>(kWidth) * steps;
    const size_t i = std::min(static_cast<size_t>(position), curve.low.size() - 2);
    const double t = position - static_cast<double>(i);
    const auto between = [&](const std::vector<double>& v) { return v[i] + t * (v[i + 1] - v[i]); };
    const Point upper = frame.at(0, between(curve.high)), lower = frame.at(0, between(curve.low));
    fill_box(canvas, {frame.left + static_cast<float>(pixel), upper.y, 1, lower.y - upper.y}, curve.colour, 0,
             0.18F);
  }
}

void draw_curve(Canvas& canvas, const Curve& curve, const Frame& frame) {
  std::vector<Point> points;
  for (size_t i = 0; i < curve.y.size(); ++i) {
    points.push_back(frame.at(static_cast<double>(i) / static_cast<double>(curve.y.size() - 1), curve.y[i]));
  }
  stroke(canvas, points, 2.4F, curve.colour);
}

void draw_key(Canvas& canvas, const Curve& curve, float left, float y) {
  stroke(canvas, {{left + 2, y}, {left + 22, y}}, 2.4F, curve.colour);
  draw_text(canvas, left + 34, y + 5, curve.name, {10, kInk});
}

}  // namespace

Canvas draw_plots(const std::string& heading, const std::vector<Plot>& plots) {
  size_t keys = 0;
  for (const Plot& plot : plots) keys = std::max(keys, plot.curves.size());
  const auto count = static_cast<float>(plots.size());
  const float height =
      2 * kMargin + kHeadingRoom + kAbove + kHeight + kBelow + kKeyStep * static_cast<float>(keys);
  Canvas canvas(static_cast<size_t>(2 * kMargin + count * (kLeft + kWidth) + (count - 1) * kGap),
                static_cast<size_t>(height), kPaper);
  draw_text(canvas, kMargin, kMargin + 15, heading, kHeading);
  float left = kMargin + kLeft;
  for (const Plot& plot : plots) {
    const Frame frame = {left, kMargin + kHeadingRoom + kAbove, plot.top};
    draw_axes(canvas, plot, frame);
    for (const Curve& curve : plot.curves) draw_band(canvas, curve, frame);
    for (const Curve& curve : plot.curves) draw_curve(canvas, curve, frame);
    float y = frame.top + kHeight + kBelow + 16;
    for (const Curve& curve : plot.curves) {
      draw_key(canvas, curve, left, y);
      y += kKeyStep;
    }
    left += kLeft + kWidth + kGap;
  }
  return canvas;
}

}  // namespace levit::tools
