// Deletion and insertion over cells, and Sobel edges: the arithmetic of faithfulness.
#include "tools/levit/faithfulness/curves.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace levit::tools {
namespace {

constexpr size_t kCellPixels = LEVIT_SIDE / kCellsPerSide;

// Copies one cell of all channels.
void copy_cell(const std::vector<float>& from, size_t cell, float* to) {
  const size_t top = cell / kCellsPerSide * kCellPixels, left = cell % kCellsPerSide * kCellPixels;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t y = top; y < top + kCellPixels; ++y) {
      const size_t at = c * kPlane + y * LEVIT_SIDE + left;
      std::copy_n(&from[at], kCellPixels, to + at);
    }
  }
}

// Scores while cells of `into` come to stand in `start`, kCurveSteps times.
std::vector<double> curve(const std::vector<float>& start, const std::vector<float>& into,
                          const std::vector<size_t>& order, const Score& score) {
  std::vector<float> tensors((kCurveSteps + 1) * start.size());
  std::copy(start.begin(), start.end(), tensors.begin());
  for (size_t step = 1; step <= kCurveSteps; ++step) {
    float* last = tensors.data() + step * start.size();
    std::copy_n(last - start.size(), start.size(), last);
    for (size_t i = (step - 1) * kCells / kCurveSteps; i < step * kCells / kCurveSteps; ++i) {
      copy_cell(into, order[i], last);
    }
  }
  return score(tensors, kCurveSteps + 1);
}

// The map at the centre of cell i of a grid with `side` cells per row.
float cell_value(const Grid& map, size_t i, size_t side) {
  const size_t row = i / side, column = i % side;
  const auto centre = [side](size_t at) {
    return (static_cast<double>(at) + 0.5) / static_cast<double>(side);
  };
  return grid_value(map, centre(column), centre(row));
}

}  // namespace

std::vector<double> cell_scores(const Explanation& explanation) {
  std::vector<double> scores(kCells, 0.0);
  const bool magnitudes = explanation.method == Method::kGradient;
  const Grid& map = explanation.raw.size() == 1 ? explanation.raw[0] : explanation.map;
  if (is_cam(explanation.method)) {
    for (size_t i = 0; i < kCells; ++i) {
      scores[i] = static_cast<double>(cell_value(map, i, kCellsPerSide));
    }
    return scores;
  }
  for (size_t i = 0; i < explanation.values.size(); ++i) {
    const size_t pixel = i % kPlane;
    const size_t cell = pixel / LEVIT_SIDE / kCellPixels * kCellsPerSide + pixel % LEVIT_SIDE / kCellPixels;
    const auto value = static_cast<double>(explanation.values[i]);
    scores[cell] += magnitudes ? std::abs(value) : value;
  }
  return scores;
}

std::vector<size_t> falling_order(const std::vector<double>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&scores](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

std::vector<size_t> random_order(uint32_t seed) {
  // Sorting by random keys: std::shuffle may differ between standard libraries, std::mt19937 may not.
  std::mt19937 generator(seed);
  std::vector<double> keys(kCells);
  for (double& key : keys) key = static_cast<double>(generator());
  return falling_order(keys);
}

Curves measured_curves(const std::vector<float>& picture, const std::vector<float>& baseline,
                       const std::vector<size_t>& order, const Score& score) {
  return {curve(picture, baseline, order, score), curve(baseline, picture, order, score)};
}

double area(const std::vector<double>& curve) {
  const double ends = (curve.front() + curve.back()) / 2;
  return (std::accumulate(curve.begin(), curve.end(), 0.0) - ends) / static_cast<double>(curve.size() - 1);
}

std::vector<float> tensor_luma(const std::vector<float>& tensor, const float (&std)[3]) {
  std::vector<float> luma(kPlane);
  for (size_t i = 0; i < kPlane; ++i) {
    luma[i] = 0.2989F * std[0] * tensor[i] + 0.5870F * std[1] * tensor[kPlane + i] +
              0.1140F * std[2] * tensor[2 * kPlane + i];
  }
  return luma;
}

std::vector<float> sobel_magnitude(const std::vector<float>& luma) {
  std::vector<float> magnitude(kPlane);
  const auto at = [&luma](long x, long y) {
    const auto column = static_cast<size_t>(std::clamp(x, 0L, LEVIT_SIDE - 1L));
    const auto row = static_cast<size_t>(std::clamp(y, 0L, LEVIT_SIDE - 1L));
    return luma[row * LEVIT_SIDE + column];
  };
  for (long y = 0; y < LEVIT_SIDE; ++y) {
    for (long x = 0; x < LEVIT_SIDE; ++x) {
      const auto column = [&](long i) { return at(x + i, y - 1) + 2 * at(x + i, y) + at(x + i, y + 1); };
      const auto row = [&](long i) { return at(x - 1, y + i) + 2 * at(x, y + i) + at(x + 1, y + i); };
      magnitude[static_cast<size_t>(y * LEVIT_SIDE + x)] =
          std::hypot(column(1) - column(-1), row(1) - row(-1));
    }
  }
  return magnitude;
}

std::vector<float> heat_pixels(const Explanation& explanation) {
  std::vector<float> heat(kPlane);
  for (size_t i = 0; i < kPlane; ++i) {
    heat[i] = std::abs(cell_value(explanation.map, i, LEVIT_SIDE));
  }
  return heat;
}

double edge_share(const std::vector<float>& heat, const std::vector<float>& edges) {
  std::vector<size_t> order(edges.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto tenth = static_cast<long>(edges.size() / 10);
  std::nth_element(order.begin(), order.begin() + tenth, order.end(), [&edges](size_t a, size_t b) {
    return edges[a] != edges[b] ? edges[a] > edges[b] : a < b;
  });
  const double all = std::accumulate(heat.begin(), heat.end(), 0.0);
  if (!(all > 0)) return -1;
  const double on_edges =
      std::accumulate(order.begin(), order.begin() + tenth, 0.0,
                      [&heat](double sum, size_t i) { return sum + static_cast<double>(heat[i]); });
  return on_edges / all;
}

}  // namespace levit::tools
