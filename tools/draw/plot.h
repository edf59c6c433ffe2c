// Two-axis plots of curves with their bands.
#ifndef LEVIT_TOOLS_DRAW_PLOT_H_
#define LEVIT_TOOLS_DRAW_PLOT_H_

#include <string>
#include <vector>

#include "tools/draw/canvas.h"

namespace levit::tools {

struct Curve {
  std::string name;
  std::vector<double> y;          // at equal steps of x from 0 to 1
  std::vector<double> low, high;  // a band around y; empty: none
  Colour colour;
};

struct Plot {
  std::string title, detail;
  std::string x_label, y_label;
  double top = 1;  // y runs from 0 to top
  std::vector<Curve> curves;
};

// Plots side by side under one heading.
Canvas draw_plots(const std::string& heading, const std::vector<Plot>& plots);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_PLOT_H_
