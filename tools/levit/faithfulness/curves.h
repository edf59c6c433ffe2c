// Deletion and insertion curves (Petsiuk et al. 2018, arXiv 1806.07421) over the cells of the network's first
// grid, and the share of heat on edges.
#ifndef LEVIT_TOOLS_LEVIT_FAITHFULNESS_CURVES_H_
#define LEVIT_TOOLS_LEVIT_FAITHFULNESS_CURVES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/levit/explain/explainer.h"

namespace levit::tools {

// Cells are the 16x16 pixels of one token of the first grid. Every map is reduced to them, so that all maps,
// random ones included, remove and reveal regions of the same shape and differ in nothing but their order.
inline constexpr size_t kCellsPerSide = 14;
inline constexpr size_t kCells = kCellsPerSide * kCellsPerSide;
inline constexpr size_t kCurveSteps = 14;

// How much each cell matters for the class. Class activation maps: the raw signed map at the cell's centre,
// the mean of the finished maps for several layers. SHAP and integrated gradients: the sum of the cell's
// values. Gradient: the sum of magnitudes.
std::vector<double> cell_scores(const Explanation& explanation);

// Cells by falling score; equal ones keep their order.
std::vector<size_t> falling_order(const std::vector<double>& scores);

// The same permutation for a seed on every machine.
std::vector<size_t> random_order(uint32_t seed);

// Scores of tensors [count][3][224][224].
using Score = std::function<std::vector<double>(const std::vector<float>& tensors, size_t count)>;

struct Curves {  // kCurveSteps + 1 points each, from nothing changed to everything
  std::vector<double> deletion, insertion;
};

// Deletion replaces cells of the picture by the baseline in the given order; insertion puts them into the
// baseline.
Curves measured_curves(const std::vector<float>& picture, const std::vector<float>& baseline,
                       const std::vector<size_t>& order, const Score& score);

// Area under a curve over [0, 1] by the trapezoid rule.
double area(const std::vector<double>& curve);

// Magnitude of the Sobel gradient of luma [224][224]; the rim is repeated.
std::vector<float> sobel_magnitude(const std::vector<float>& luma);

// Luma of a normalised tensor, up to a constant: the channels weighted by 0.2989, 0.5870, 0.1140 and std.
std::vector<float> tensor_luma(const std::vector<float>& tensor, const float (&std)[3]);

// The heat that edge shares speak of, [224][224]: positive evidence of class activation maps, magnitude of
// channel sums for attributions.
std::vector<float> heat_pixels(const Explanation& explanation);

// Share of the heat on the tenth of pixels with the largest `edges`; negative when there is no heat.
double edge_share(const std::vector<float>& heat, const std::vector<float>& edges);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FAITHFULNESS_CURVES_H_
