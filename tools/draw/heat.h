// Maps of the network's square view laid over the whole picture.
#ifndef LEVIT_TOOLS_DRAW_HEAT_H_
#define LEVIT_TOOLS_DRAW_HEAT_H_

#include <cstddef>
#include <vector>

#include "levit.h"
#include "tools/draw/canvas.h"

namespace levit::tools {

// Values over the square that the network sees, row-major [side][side].
struct Grid {
  size_t side = 0;
  std::vector<float> values;
};

// Bilinear value at (x, y), both in [0, 1] over the square; cell centres carry the values, the rim repeats
// them.
float grid_value(const Grid& grid, double x, double y);

// The grid blurred by a Gaussian of `sigma` cells, its rim repeated. The sum stays the same but for the rim.
Grid blurred(const Grid& grid, double sigma);

// The smallest value that at least `share` of |values| do not exceed, interpolated between neighbours as
// NumPy's percentile does; 0 without values.
float absolute_percentile(const std::vector<float>& values, double share);

// The same window in a picture that was scaled from `width` to `scaled_width` pixels and likewise in height.
levit_window scaled_window(const levit_window& window, const Canvas& original, const Canvas& scaled);

// Heat in [0, 1] over the picture. `window`: where the grid lies, in pixels of `picture`; the rest is dimmed.
Canvas heat_overlay(const Canvas& picture, const levit_window& window, const Grid& heat);

// Signed values over the picture in light grey: red for, blue against, full colour from |value| = scale on.
Canvas signed_overlay(const Canvas& picture, const levit_window& window, const Grid& values, float scale);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_HEAT_H_
