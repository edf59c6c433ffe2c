// One picture that shows a verdict and why: the picture, its maps side by side, legends and numbers.
#ifndef LEVIT_TOOLS_DRAW_SHEET_H_
#define LEVIT_TOOLS_DRAW_SHEET_H_

#include <string>
#include <vector>

#include "tools/draw/canvas.h"

namespace levit::tools {

enum class Legend { kNone, kHeat, kSigned };

struct Panel {
  Canvas picture;             // all panels of a sheet have the same size
  std::string title, detail;  // "Grad-CAM", "stage 1, class ai"
  Legend legend = Legend::kNone;
  std::string low, high;           // what the ends of the legend mean
  std::vector<std::string> notes;  // lines below the legend
  std::string notice;              // written across the panel, when there is nothing to see on it
};

struct Share {
  std::string label;
  double probability;
};

struct Sheet {
  std::string title, subtitle;  // name and size of the picture
  std::string verdict;          // "ai 94.5 %"
  bool unsure = false;
  std::vector<Share> shares;  // most probable first; at most three are drawn
  std::vector<Panel> panels;
  std::string settings;  // how it was made: model, seed
};

// Size of a panel for a picture of that size: the larger side is `side`, the smaller at least one pixel.
struct PanelSize {
  size_t width, height;
};
PanelSize panel_size(size_t width, size_t height, size_t side);

Canvas draw_sheet(const Sheet& sheet);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_SHEET_H_
