// Axes, bars, curves and intervals as SVG elements.
#include "tools/levit/evaluate/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/common/text.h"
#include "tools/levit/explain/page.h"

namespace levit::tools {
namespace {

constexpr double kLeft = 54, kTop = 12, kWidth = 340, kHeight = 250, kRight = 12, kBelow = 44;
constexpr double kTicks = 5;   // steps of an axis, at most
constexpr double kNear = 0.7;  // closer points of a curve are left out

struct Frame {
  const SvgPlot& plot;
  double x(double value) const { return kLeft + (value - plot.x_low) / (plot.x_high - plot.x_low) * kWidth; }
  double y(double value) const {
    return kTop + kHeight - (value - plot.y_low) / (plot.y_high - plot.y_low) * kHeight;
  }
};

std::string place(double value) {
  return fixed(value, 1);
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return "<line x1=\"" + place(x1) + "\" y1=\"" + place(y1) + "\" x2=\"" + place(x2) + "\" y2=\"" +
         place(y2) + "\" class=\"" + style + "\"/>";
}

std::string text(double x, double y, const char* anchor, const std::string& words) {
  return "<text x=\"" + place(x) + "\" y=\"" + place(y) + "\" text-anchor=\"" + anchor + "\">" +
         html_text(words) + "</text>";
}

// Three digits, in at most six characters where the number is not negative: there is no room for more.
std::string tick(double value) {
  char buffer[32];
  if (value != 0 && std::abs(value) < 1e-3) {
    const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
    std::snprintf(buffer, sizeof buffer, "%.3ge%d", value / std::pow(10, exponent), exponent);
  } else {
    std::snprintf(buffer, sizeof buffer, "%.3g", value);
  }
  return buffer;
}

// op(tick) for the multiples of the axis' step that lie on it.
template <class Op>
void for_ticks(double low, double high, const Op& op) {
  const double step = svg_step(high - low);
  for (double i = std::floor(low / step + 1 - 1e-9); i * step <= high + 1e-9 * step; ++i) op(i * step);
}

std::string axes(const Frame& frame) {
  const SvgPlot& plot = frame.plot;
  std::string out;
  for_ticks(plot.y_low, plot.y_high, [&](double y) {
    out += line(kLeft, frame.y(y), kLeft + kWidth, frame.y(y), "grid");
    out += text(kLeft - 6, frame.y(y) + 4, "end", tick(y));
  });
  out += line(kLeft, kTop + kHeight, kLeft + kWidth, kTop + kHeight, "axis");
  for_ticks(plot.x_low, plot.x_high,
            [&](double x) { out += text(frame.x(x), kTop + kHeight + 16, "middle", tick(x)); });
  out += text(kLeft + kWidth / 2, kTop + kHeight + 36, "middle", plot.x_label);
  out += "<text transform=\"translate(12 " + place(kTop + kHeight / 2) +
         ") rotate(-90)\" text-anchor=\"middle\">" + html_text(plot.y_label) + "</text>";
  if (plot.diagonal)
    out += line(frame.x(plot.x_low), frame.y(plot.y_low), frame.x(plot.x_high), frame.y(plot.y_high),
                "diagonal");
  return out;
}

std::string bars(const Frame& frame) {
  std::string out;
  for (const SvgBar& bar : frame.plot.bars) {
    const double left = frame.x(bar.from) + 1, top = frame.y(bar.height);
    out += "<rect x=\"" + place(left) + "\" y=\"" + place(top) + "\" width=\"" +
           place(frame.x(bar.to) - left - 1) + "\" height=\"" + place(kTop + kHeight - top) +
           "\" class=\"bar\"/>";
  }
  return out;
}

std::string curve(const Frame& frame, const SvgCurve& one, size_t number) {
  std::string points, dots;
  double last_x = -1e9, last_y = -1e9;
  const std::string style = "s" + std::to_string(number % 8);
  for (size_t i = 0; i < one.points.size(); ++i) {
    const double x = frame.x(one.points[i].x), y = frame.y(one.points[i].y);
    const bool end = i + 1 == one.points.size();
    if (!end && std::abs(x - last_x) < kNear && std::abs(y - last_y) < kNear) continue;
    last_x = x;
    last_y = y;
    points += place(x) + "," + place(y) + " ";
    if (one.dots)
      dots += "<circle cx=\"" + place(x) + "\" cy=\"" + place(y) + "\" r=\"3\" class=\"dot " + style + "\"/>";
  }
  if (!points.empty()) points.pop_back();
  return "<polyline points=\"" + points + "\" class=\"curve " + style + "\"/>" + dots;
}

}  // namespace

double svg_step(double range) {
  const double least = range / kTicks * (1 - 1e-9);
  if (!(least > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least) return factor * power;
  return 10 * power;
}

std::string svg_plot(const SvgPlot& plot) {
  const Frame frame = {plot};
  std::string out = "<figure><figcaption>" + html_text(plot.title) + "</figcaption><svg viewBox=\"0 0 " +
                    place(kLeft + kWidth + kRight) + " " + place(kTop + kHeight + kBelow) +
                    "\" role=\"img\" aria-label=\"" + html_text(plot.title) + "\">";
  out += axes(frame) + bars(frame);
  for (size_t i = 0; i < plot.curves.size(); ++i) out += curve(frame, plot.curves[i], i);
  out += "</svg><div class=\"key\">";
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    if (plot.curves[i].name.empty()) continue;
    out += "<span><i class=\"s" + std::to_string(i % 8) + "\"></i>" + html_text(plot.curves[i].name) +
           "</span> ";
  }
  return out + "</div></figure>\n";
}

std::string svg_interval(double value, double low, double high) {
  const auto x = [](double share) { return 2 + 116 * std::clamp(share, 0.0, 1.0); };
  return "<svg class=\"range\" viewBox=\"0 0 120 14\" aria-hidden=\"true\">" + line(2, 7, 118, 7, "grid") +
         line(x(low), 7, x(high), 7, "reach") + "<circle cx=\"" + place(x(value)) +
         "\" cy=\"7\" r=\"4\" class=\"dot s0\"/></svg>";
}

}  // namespace levit::tools
