// Faithfulness on functions whose curves are known.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/levit/faithfulness/curves.h"

namespace levit::tools {
namespace {

constexpr size_t kCellPixels = 16;

// f(x) = sum over cells of (cell number) * mean of the cell: each cell's effect is known and adds up.
std::vector<double> weighted_cells(const std::vector<float>& tensors, size_t count) {
  std::vector<double> scores(count, 0.0);
  for (size_t n = 0; n < count; ++n) {
    for (size_t i = 0; i < 3 * kPlane; ++i) {
      const size_t pixel = i % kPlane;
      const size_t cell = pixel / LEVIT_SIDE / kCellPixels * kCellsPerSide + pixel % LEVIT_SIDE / kCellPixels;
      scores[n] += static_cast<double>(tensors[n * 3 * kPlane + i]) * static_cast<double>(cell);
    }
    scores[n] /= 3 * kCellPixels * kCellPixels;
  }
  return scores;
}

const std::vector<float> kOnes(3 * kPlane, 1.0F), kZeros(3 * kPlane, 0.0F);

std::vector<double> cell_numbers() {
  std::vector<double> scores(kCells);
  std::iota(scores.begin(), scores.end(), 0.0);
  return scores;
}

Explanation pixel_explanation(Method method) {
  Explanation explanation;
  explanation.method = method;
  explanation.values.assign(3 * kPlane, 0.0F);
  explanation.values[0] = 2;                                   // cell 0
  explanation.values[kPlane + 17] = -3;                        // cell 1
  explanation.values[2 * kPlane + 16 * LEVIT_SIDE + 223] = 5;  // cell 27
  return explanation;
}

TEST_CASE("cells of a 14x14 map are its values, raw and signed") {
  Explanation explanation;
  explanation.method = Method::kGradCam;
  Grid map = {kCellsPerSide, std::vector<float>(kCells)};
  for (size_t i = 0; i < kCells; ++i) map.values[i] = static_cast<float>(i) - 90;
  explanation.raw = {map};
  const std::vector<double> scores = cell_scores(explanation);
  for (size_t i = 0; i < kCells; ++i) CHECK(scores[i] == doctest::Approx(static_cast<double>(i) - 90));
}

TEST_CASE("cells of an attribution are sums, of a gradient sums of magnitudes") {
  const std::vector<double> shap = cell_scores(pixel_explanation(Method::kShap));
  CHECK(shap[0] == 2);
  CHECK(shap[1] == -3);
  CHECK(shap[27] == 5);
  CHECK(std::accumulate(shap.begin(), shap.end(), 0.0) == 4);
  CHECK(cell_scores(pixel_explanation(Method::kGradient))[1] == 3);
}

TEST_CASE("orders: falling with ties in place, random ones by seed") {
  CHECK(falling_order({1, 3, 3, 2}) == std::vector<size_t>{1, 2, 3, 0});
  std::vector<size_t> order = random_order(4);
  CHECK(order == random_order(4));
  CHECK(order != random_order(5));
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < kCells; ++i) CHECK(order[i] == i);
}

TEST_CASE("curves of an additive function are the sums that were taken away or put in") {
  const std::vector<size_t> order = falling_order(cell_numbers());
  const Curves curves = measured_curves(kOnes, kZeros, order, weighted_cells);
  const double all = kCells * (kCells - 1) / 2;
  REQUIRE(curves.deletion.size() == kCurveSteps + 1);
  double left = all;
  for (size_t step = 0; step <= kCurveSteps; ++step) {
    CHECK(curves.deletion[step] == doctest::Approx(left));
    CHECK(curves.insertion[step] == doctest::Approx(all - left));
    for (size_t i = step * 14; i < std::min<size_t>(kCells, (step + 1) * 14); ++i) {
      left -= static_cast<double>(order[i]);
    }
  }
}

TEST_CASE("no order beats the true one on an additive function") {
  const Curves best = measured_curves(kOnes, kZeros, falling_order(cell_numbers()), weighted_cells);
  for (uint32_t seed = 0; seed < 5; ++seed) {
    const Curves random = measured_curves(kOnes, kZeros, random_order(seed), weighted_cells);
    CHECK(area(best.deletion) < area(random.deletion));
    CHECK(area(best.insertion) > area(random.insertion));
    CHECK(random.deletion.front() == best.deletion.front());
    CHECK(random.deletion.back() == doctest::Approx(0));
  }
}

TEST_CASE("areas of lines") {
  CHECK(area({1, 1, 1}) == 1);
  CHECK(area({1, 0}) == 0.5);
  CHECK(area({0, 0.5, 1}) == 0.5);
  CHECK(area({1, 0, 0, 0, 0}) == 0.125);
}

TEST_CASE("Sobel finds a step and nothing else") {
  std::vector<float> luma(kPlane, 0.0F);
  for (size_t i = 0; i < kPlane; ++i) luma[i] = i % LEVIT_SIDE < 100 ? 0.0F : 1.0F;
  const std::vector<float> edges = sobel_magnitude(luma);
  for (size_t y : {size_t{0}, size_t{50}, size_t{223}}) {
    for (size_t x = 0; x < LEVIT_SIDE; ++x) {
      CHECK(edges[y * LEVIT_SIDE + x] == (x == 99 || x == 100 ? 4.0F : 0.0F));
    }
  }
}

TEST_CASE("luma of a tensor weighs channels by their share and spread") {
  std::vector<float> tensor(3 * kPlane, 0.0F);
  tensor[0] = 1;
  tensor[kPlane + 1] = 1;
  tensor[2 * kPlane + 2] = 1;
  const std::vector<float> luma = tensor_luma(tensor, {0.5F, 2, 4});
  CHECK(luma[0] == doctest::Approx(0.2989 * 0.5));
  CHECK(luma[1] == doctest::Approx(0.5870 * 2));
  CHECK(luma[2] == doctest::Approx(0.1140 * 4));
  CHECK(luma[3] == 0);
}

TEST_CASE("edge share: a tenth by chance, all when heat lies on edges, none without heat") {
  std::vector<float> edges(kPlane);
  for (size_t i = 0; i < kPlane; ++i) edges[i] = static_cast<float>(i % 1000);
  CHECK(edge_share(std::vector<float>(kPlane, 3.0F), edges) == doctest::Approx(0.1).epsilon(1e-3));
  std::vector<float> sorted = edges;
  std::sort(sorted.begin(), sorted.end());
  const float bound = sorted[kPlane - kPlane / 10];
  std::vector<float> on_edges(kPlane), off_edges(kPlane);
  for (size_t i = 0; i < kPlane; ++i) {
    on_edges[i] = edges[i] > bound ? 1.0F : 0.0F;
    off_edges[i] = edges[i] < bound ? 1.0F : 0.0F;
  }
  CHECK(edge_share(on_edges, edges) == 1);
  CHECK(edge_share(off_edges, edges) == 0);
  CHECK(edge_share(std::vector<float>(kPlane, 0.0F), edges) < 0);
}

}  // namespace
}  // namespace levit::tools
