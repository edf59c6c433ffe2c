// The layout of a sheet: header, panels in columns, legends and notes below.
#include "tools/draw/sheet.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/draw/colormap.h"
#include "tools/draw/font.h"

namespace levit::tools {
namespace {

constexpr Colour kPaper = {255, 255, 255};
constexpr Colour kInk = {24, 28, 36};
constexpr Colour kQuiet = {96, 104, 118};
constexpr Colour kLine = {222, 226, 232};
constexpr Colour kAccent = {74, 58, 167};
constexpr Colour kUnsure = {176, 104, 0};

constexpr float kMargin = 36, kGap = 28;
constexpr float kHeader = 104;       // above the panels' titles
constexpr float kTitle = 36;         // a panel's title
constexpr float kLegend = 60;        // a panel's legend
constexpr float kNoteStep = 20;      // from note to note
constexpr float kLeastColumn = 380;  // so that text fits below narrow pictures

constexpr TextStyle kHeading = {17, kInk, true};
constexpr TextStyle kPanelTitle = {12, kInk, true};
constexpr TextStyle kBody = {10, kInk};
constexpr TextStyle kSmall = {10, kQuiet};

void draw_right(Canvas& canvas, float right, float y, const std::string& text, const TextStyle& style) {
  draw_text(canvas, right - text_width(text, style), y, text, style);
}

void draw_shares(Canvas& canvas, float right, float top, const Sheet& sheet) {
  constexpr float kBarWidth = 180, kBarHeight = 10, kStep = 22, kPercent = 64;
  const size_t count = std::min<size_t>(sheet.shares.size(), 3);
  for (size_t i = 0; i < count; ++i) {
    const Share& share = sheet.shares[i];
    const float y = top + static_cast<float>(i) * kStep, left = right - kPercent - kBarWidth;
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.1f %%", 100 * share.probability);
    const std::string label = fitted_text(share.label, 150, kBody);
    draw_right(canvas, left - 10, y + kBarHeight, label, kBody);
    fill_box(canvas, {left, y, kBarWidth, kBarHeight}, kLine, kBarHeight / 2);
    const float filled = std::max(kBarHeight, kBarWidth * static_cast<float>(share.probability));
    fill_box(canvas, {left, y, filled, kBarHeight}, i == 0 && !sheet.unsure ? kAccent : kQuiet,
             kBarHeight / 2);
    draw_right(canvas, right, y + kBarHeight, percent, kBody);
  }
}

void draw_header(Canvas& canvas, const Sheet& sheet) {
  const float right = static_cast<float>(canvas.width) - kMargin;
  const float half = static_cast<float>(canvas.width) / 2 - kMargin;
  draw_text(canvas, kMargin, kMargin + 20, fitted_text(sheet.title, half, kHeading), kHeading);
  draw_text(canvas, kMargin, kMargin + 46, fitted_text(sheet.subtitle, half, kSmall), kSmall);
  draw_text(canvas, kMargin, kMargin + 66, fitted_text(sheet.settings, half, kSmall), kSmall);
  const TextStyle verdict = {17, sheet.unsure ? kUnsure : kAccent, true};
  draw_right(canvas, right, kMargin + 20, fitted_text(sheet.verdict, half, verdict), verdict);
  draw_shares(canvas, right, kMargin + 36, sheet);
}

Colour legend_colour(Legend legend, float position) {
  return legend == Legend::kHeat ? heat_colour(position) : signed_colour(2 * position - 1);
}

void draw_legend(Canvas& canvas, const Panel& panel, float left, float top, float width) {
  constexpr float kBar = 12;
  const auto columns = static_cast<size_t>(width);
  for (size_t i = 0; i < columns; ++i) {
    const Colour colour =
        legend_colour(panel.legend, static_cast<float>(i) / static_cast<float>(columns - 1));
    fill_box(canvas, {left + static_cast<float>(i), top, 1, kBar}, colour);
  }
  const float below = top + kBar + 18;
  if (panel.legend == Legend::kSigned) {
    const float middle = left + std::floor(width / 2);
    fill_box(canvas, {middle, top + kBar, 1, 5}, kQuiet);
    draw_text(canvas, middle - text_width("0", kSmall) / 2, below, "0", kSmall);
  }
  draw_text(canvas, left, below, panel.low, kSmall);
  draw_right(canvas, left + width, below, panel.high, kSmall);
}

// A line across the middle of the panel, on a white band.
void draw_notice(Canvas& canvas, const Panel& panel, float left, float top) {
  const auto width = static_cast<float>(panel.picture.width),
             height = static_cast<float>(panel.picture.height);
  const float band = std::min(height, 44.0F), y = top + std::floor((height - band) / 2);
  fill_box(canvas, {left, y, width, band}, kPaper, 0, 0.92F);
  const std::string text = fitted_text(panel.notice, width - 16, kBody);
  draw_text(canvas, left + (width - text_width(text, kBody)) / 2, y + band / 2 + 5, text, kBody);
}

void draw_panel(Canvas& canvas, const Panel& panel, float left, float column) {
  const auto height = static_cast<float>(panel.picture.height);
  const float top = kMargin + kHeader + kTitle;
  const float title = draw_text(canvas, left, top - 12, panel.title, kPanelTitle);
  draw_text(canvas, left + title + 12, top - 12, fitted_text(panel.detail, column - title - 12, kSmall),
            kSmall);
  paste(canvas, panel.picture, static_cast<size_t>(left), static_cast<size_t>(top));
  if (!panel.notice.empty()) draw_notice(canvas, panel, left, top);
  float y = top + height + 16;
  if (panel.legend != Legend::kNone) {
    draw_legend(canvas, panel, left, y, column);
    y += kLegend - 16;
  }
  for (const std::string& note : panel.notes) {
    draw_text(canvas, left, y + 12, fitted_text(note, column, kBody), kBody);
    y += kNoteStep;
  }
}

}  // namespace

PanelSize panel_size(size_t width, size_t height, size_t side) {
  const size_t longest = std::max(width, height);
  const auto fitted = [&](size_t extent) {
    return std::max<size_t>(1, (extent * side + longest / 2) / longest);
  };
  return {fitted(width), fitted(height)};
}

Canvas draw_sheet(const Sheet& sheet) {
  float column = kLeastColumn, height = 0, below = 0;
  for (const Panel& panel : sheet.panels) {
    column = std::max(column, static_cast<float>(panel.picture.width));
    height = std::max(height, static_cast<float>(panel.picture.height));
    below = std::max(below, (panel.legend == Legend::kNone ? 16 : kLegend) +
                                kNoteStep * static_cast<float>(panel.notes.size()));
  }
  const auto count = static_cast<float>(sheet.panels.size());
  Canvas canvas(static_cast<size_t>(2 * kMargin + count * column + (count - 1) * kGap),
                static_cast<size_t>(2 * kMargin + kHeader + kTitle + height + below - 8), kPaper);
  draw_header(canvas, sheet);
  fill_box(canvas, {kMargin, kMargin + kHeader - 14, static_cast<float>(canvas.width) - 2 * kMargin, 1},
           kLine);
  float left = kMargin;
  for (const Panel& panel : sheet.panels) {
    draw_panel(canvas, panel, left, column);
    left += column + kGap;
  }
  return canvas;
}

}  // namespace levit::tools
