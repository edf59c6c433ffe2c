// Plots: where an axis has its ticks, and how they are written.
#include "tools/levit/evaluate/svg.h"

#include <doctest/doctest.h>

namespace levit::tools {
namespace {

bool has_text(const SvgPlot& plot, const std::string& words) {
  return svg_plot(plot).find(">" + words + "</text>") != std::string::npos;
}

SvgPlot plot(double x_high, double y_high) {
  return {"title", "x", "y", 0, x_high, 0, y_high, false, {}, {}};
}

TEST_CASE("an axis has at most five steps of 1, 2 or 5 times a power of ten") {
  CHECK(svg_step(1) == doctest::Approx(0.2));
  CHECK(svg_step(96) == doctest::Approx(20));
  CHECK(svg_step(2.03) == doctest::Approx(0.5));
  CHECK(svg_step(2e-4) == doctest::Approx(5e-5));
  CHECK(svg_step(0) == 1);
  CHECK(has_text(plot(96, 1), "80"));
  CHECK_FALSE(has_text(plot(96, 1), "19.2"));
  CHECK_FALSE(has_text(plot(96, 1), "96"));
  CHECK(has_text(plot(96, 1), "0"));
  CHECK_FALSE(has_text(plot(96, 1), "-0"));
  CHECK(has_text(plot(100, 1), "100"));
  CHECK(has_text(plot(1, 1), "1"));
}

TEST_CASE("small numbers at an axis are short") {
  CHECK(has_text(plot(1, 2e-4), "1.5e-4"));
  CHECK(has_text(plot(1, 2e-4), "5e-5"));
  CHECK(has_text(plot(1, 2e-3), "0.0015"));
}

}  // namespace
}  // namespace levit::tools
