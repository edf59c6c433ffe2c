// Plots as inline SVG. Colours are the page's: classes s0, s1, ... for curves, `quiet` and `line` for the
// rest.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_SVG_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_SVG_H_

#include <string>
#include <vector>

namespace levit::tools {

struct SvgPoint {
  double x, y;
};

struct SvgCurve {
  std::string name;
  std::vector<SvgPoint> points;  // in the units of the axes
  bool dots = false;             // also a dot at each point
};

struct SvgBar {
  double from, to, height;  // along x, and of the axis of y
};

struct SvgPlot {
  std::string title, x_label, y_label;
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool diagonal = false;     // y = x, for comparison
  std::vector<SvgBar> bars;  // behind the curves
  std::vector<SvgCurve> curves;
};

// Between the ticks of an axis of that length: 1, 2 or 5 times a power of ten, at most five to the axis; 1
// for no length.
double svg_step(double range);

// An element that takes the width of what it stands in, with its title and its key below it.
std::string svg_plot(const SvgPlot& plot);

// A share with its interval as a line from 0 to 1, for a cell of a table.
std::string svg_interval(double value, double low, double high);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_SVG_H_
