// What explanations are drawn with: colour maps, font, overlays, sheets and files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

#include "tools/draw/colormap.h"
#include "tools/draw/font.h"
#include "tools/draw/heat.h"
#include "tools/draw/png.h"
#include "tools/draw/sheet.h"

namespace levit::tools {
namespace {

constexpr Colour kWhite = {255, 255, 255}, kBlack = {0, 0, 0};

bool has_ink(const Canvas& canvas) {
  return std::any_of(canvas.rgb.begin(), canvas.rgb.end(), [](uint8_t v) { return v < 128; });
}

Canvas drawn(const std::string& text, float size) {
  Canvas canvas(60, 40, kWhite);
  draw_text(canvas, 10, 28, text, {size, kBlack});
  return canvas;
}

Sheet small_sheet(size_t panels) {
  Sheet sheet{"a.jpg", "8 × 8 pixels", "ai 75.0 %", false, {{"ai", 0.75}, {"real", 0.25}}, {}, "model"};
  for (size_t i = 0; i < panels; ++i) {
    Panel panel;
    panel.picture = Canvas(400, 300, {200, 30, 30});
    panel.title = "Grad-CAM";
    panel.legend = Legend::kHeat;
    sheet.panels.push_back(panel);
  }
  return sheet;
}

TEST_CASE("OKLab of known colours, there and back") {
  CHECK(to_oklab(kWhite).lightness == doctest::Approx(1).epsilon(1e-4));
  CHECK(to_oklab(kBlack).lightness == doctest::Approx(0));
  // Ottosson's table: pure sRGB red.
  const OkLab red = to_oklab({255, 0, 0});
  CHECK(red.lightness == doctest::Approx(0.628).epsilon(1e-3));
  CHECK(red.a == doctest::Approx(0.225).epsilon(2e-3));
  CHECK(red.b == doctest::Approx(0.126).epsilon(4e-3));
  for (const Colour colour : {Colour{255, 0, 0}, Colour{12, 200, 77}, Colour{90, 90, 90}}) {
    CHECK(from_oklab(to_oklab(colour)) == colour);
  }
}

TEST_CASE("heat colours rise in lightness by equal steps") {
  constexpr int kSteps = 50;
  // Rounding to 8 bits moves a channel by half a step; in the darkest colours that is up to 0.004 of
  // lightness.
  constexpr float kRounding = 0.004F;
  for (int i = 0; i <= kSteps; ++i) {
    const float value = static_cast<float>(i) / kSteps;
    CHECK(std::abs(to_oklab(heat_colour(value)).lightness - (0.20F + 0.75F * value)) <= kRounding);
    if (i > 0) CHECK(luma(heat_colour(value)) > luma(heat_colour(value - 1.0F / kSteps)));
  }
  CHECK(heat_colour(-3) == heat_colour(0));
  CHECK(heat_colour(3) == heat_colour(1));
}

TEST_CASE("signed colours: red for, blue against, pale around zero") {
  for (const float value : {0.25F, 0.5F, 1.0F}) {
    CHECK(signed_colour(value).red > signed_colour(value).blue);
    CHECK(signed_colour(-value).blue > signed_colour(-value).red);
  }
  CHECK(luma(signed_colour(0)) > 245);
  CHECK(luma(signed_colour(0.5F)) < luma(signed_colour(0.1F)));
  CHECK(luma(signed_colour(-0.5F)) < luma(signed_colour(-0.1F)));
}

TEST_CASE("the font draws every printable ASCII character, each in its own way") {
  std::set<std::vector<uint8_t>> shapes;
  for (char c = '!'; c <= '~'; ++c) {
    CAPTURE(c);
    const Canvas canvas = drawn(std::string(1, c), 14);
    CHECK(has_ink(canvas));
    shapes.insert(canvas.rgb);
  }
  CHECK(shapes.size() == '~' - '!' + 1);
  CHECK_FALSE(has_ink(drawn(" ", 14)));
  CHECK(text_width(" ", {14, kBlack}) > 0);
}

TEST_CASE("characters without a glyph are boxes, one for each") {
  const std::string ideograph = "\xE5\x86\x99", broken = "\xC3", stray = "\x80";
  const std::vector<uint8_t> box = drawn(ideograph, 14).rgb;
  CHECK(drawn(broken, 14).rgb == box);
  CHECK(drawn(stray, 14).rgb == box);
  CHECK(drawn("\xC2\xB1", 14).rgb != box);  // plus-minus has a glyph
  const TextStyle style = {14, kBlack};
  CHECK(text_width(ideograph + ideograph, style) == 2 * text_width(ideograph, style));
}

TEST_CASE("text that is too long loses its middle and fits") {
  const TextStyle style = {10, kBlack};
  const std::string path = "a/very/long/directory/name/that/never/ends/picture.jpg";
  const std::string fitted = fitted_text(path, 150, style);
  CHECK(text_width(fitted, style) <= 150);
  CHECK(fitted.find("...") != std::string::npos);
  CHECK(fitted.substr(fitted.size() - 11) == "picture.jpg");
  CHECK(fitted_text("short", 150, style) == "short");
}

TEST_CASE("grid values: cell centres, the way between them, and the rim") {
  const Grid grid = {2, {0, 1, 2, 3}};
  CHECK(grid_value(grid, 0.25, 0.25) == 0);
  CHECK(grid_value(grid, 0.75, 0.25) == 1);
  CHECK(grid_value(grid, 0.5, 0.5) == 1.5F);
  CHECK(grid_value(grid, 0.0, 1.0) == 2);
  CHECK(grid_value({1, {7}}, 0.9, 0.1) == 7);
}

TEST_CASE("blurring keeps a constant and the sum of a distant spot") {
  const Grid constant = blurred({9, std::vector<float>(81, 2.5F)}, 2);
  for (const float value : constant.values) CHECK(value == doctest::Approx(2.5F));
  Grid spot = {31, std::vector<float>(31 * 31, 0.0F)};
  spot.values[15 * 31 + 14] = 8;
  const Grid soft = blurred(spot, 2);
  float sum = 0;
  for (const float value : soft.values) sum += value;
  CHECK(sum == doctest::Approx(8));
  CHECK(*std::max_element(soft.values.begin(), soft.values.end()) == soft.values[15 * 31 + 14]);
  CHECK(soft.values[14 * 31 + 14] == doctest::Approx(soft.values[15 * 31 + 15]));
}

TEST_CASE("percentile of magnitudes, as NumPy interpolates it") {
  CHECK(absolute_percentile({-4, 1, 2, -3}, 0.5) == doctest::Approx(2.5));
  CHECK(absolute_percentile({-4, 1, 2, -3}, 1) == 4);
  CHECK(absolute_percentile({-4, 1, 2, -3}, 0.9) == doctest::Approx(3.7));
  CHECK(absolute_percentile({}, 0.9) == 0);
}

TEST_CASE("heat lies where the window is, and the rest is grey and pale") {
  const Canvas picture(40, 20, {40, 120, 60});
  const Canvas overlay = heat_overlay(picture, {10, 0, 20, 20}, {2, {0, 0, 0, 1}});
  CHECK(overlay.width == 40);
  CHECK(overlay.height == 20);
  const Colour outside = overlay.at(5, 10), cold = overlay.at(11, 1), hot = overlay.at(29, 19);
  CHECK(outside.red == outside.blue);
  CHECK(luma(outside) > luma(picture.at(5, 10)));
  CHECK(luma(hot) > luma(cold) + 50);
  CHECK(overlay.at(9, 19) == outside);
  CHECK(overlay.at(30, 19) == outside);
}

TEST_CASE("signed values colour a pale picture, symmetrically") {
  const Canvas picture(20, 10, {90, 90, 90});
  const Canvas overlay = signed_overlay(picture, {0, 0, 20, 10}, {2, {-1, 1, 0, 0}}, 1);
  CHECK(overlay.at(0, 0) == signed_colour(-1));
  CHECK(overlay.at(19, 0) == signed_colour(1));
  const Colour nothing = overlay.at(0, 9);
  CHECK(nothing.red == nothing.blue);
  CHECK(luma(nothing) > 180);
  const Canvas without_scale = signed_overlay(picture, {0, 0, 20, 10}, {2, {0, 0, 0, 0}}, 0);
  CHECK(without_scale.at(3, 3) == nothing);
}

TEST_CASE("resizing keeps constants, averages when it shrinks and interpolates when it grows") {
  const Canvas constant = resized(Canvas(7, 5, {10, 200, 90}), 13, 3);
  for (size_t x = 0; x < 13; ++x) CHECK(constant.at(x, 1) == Colour{10, 200, 90});
  Canvas halves(4, 1, kBlack);
  halves.set(2, 0, kWhite);
  halves.set(3, 0, kWhite);
  CHECK(resized(halves, 1, 1).at(0, 0).red == 128);
  const Canvas grown = resized(halves, 8, 1);
  CHECK(grown.at(0, 0) == kBlack);
  CHECK(grown.at(3, 0).red == 64);
  CHECK(grown.at(7, 0) == kWhite);
}

TEST_CASE("panels keep the picture's shape and never vanish") {
  CHECK(panel_size(2576, 1932, 480).width == 480);
  CHECK(panel_size(2576, 1932, 480).height == 360);
  CHECK(panel_size(32, 32, 480).height == 480);
  CHECK(panel_size(1, 5000, 480).width == 1);
}

TEST_CASE("a sheet grows by one column per panel and shows its verdict and notice") {
  const Canvas one = draw_sheet(small_sheet(1)), two = draw_sheet(small_sheet(2));
  CHECK(two.height == one.height);
  CHECK(two.width == one.width + 400 + 28);
  CHECK(draw_sheet(small_sheet(2)).rgb == two.rgb);

  Sheet other = small_sheet(2);
  other.verdict = "real 75.0 %";
  CHECK(draw_sheet(other).rgb != two.rgb);

  Sheet flat = small_sheet(2);
  flat.panels[1].notice = "no part speaks for this class";
  const Canvas noticed = draw_sheet(flat);
  REQUIRE(noticed.rgb.size() == two.rgb.size());
  size_t changed = 0;
  for (size_t y = 0; y < two.height; ++y) {
    for (size_t x = 0; x < two.width; ++x) {
      if (noticed.at(x, y) == two.at(x, y)) continue;
      ++changed;
      CHECK(x >= 36 + 400 + 28);  // only the second panel
    }
  }
  CHECK(changed > 400 * 30);
}

TEST_CASE("a sheet of a line-thin picture still has room for its text") {
  Sheet sheet = small_sheet(1);
  sheet.panels[0].picture = Canvas(1, 480, kBlack);
  CHECK(draw_sheet(sheet).width >= 380);
}

TEST_CASE("a file that cannot be written is named") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / "levit_no_such_directory" / "a.png";
  CHECK_THROWS_WITH_AS(write_png(path, Canvas(1, 1, kBlack)), doctest::Contains(path.c_str()),
                       std::runtime_error);
  CHECK_THROWS_AS(write_jpeg(path, Canvas(1, 1, kBlack), 85), std::runtime_error);
}

}  // namespace
}  // namespace levit::tools
