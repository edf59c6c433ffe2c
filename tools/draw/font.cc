// The glyphs as paths, and how they become strokes.
#include "tools/draw/font.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace levit::tools {
namespace {

// A glyph is a path on a grid with y upwards from the baseline: capitals are 10 high, small letters 7,
// descenders 3. M moves, L draws a line, Q a quadratic curve (control, end); v and h draw a quarter of an
// ellipse that leaves the current point vertically or horizontally.
struct Glyph {
  float width;
  const char* path;
};

constexpr float kCapital = 10;
constexpr float kGap = 2.7F;  // between glyphs, on the grid
constexpr char32_t kFirst = ' ', kLast = '~';

constexpr Glyph kGlyphs[] = {
    {1.4F, ""},
    {0, "M0 10 L0 3.4 M0 .2 L0 0"},
    {2.2F, "M0 10 L0 7.4 M2.2 10 L2.2 7.4"},
    {7.2F, "M2 0 L3.4 10 M5 0 L6.4 10 M.6 6.6 L7.2 6.6 M0 3.4 L6.6 3.4"},
    {6, "M5.8 8 v3 10 h.2 7.6 v3 5.2 h6 2.6 v3 0 h0 2.1 M3 11.6 L3 -1.6"},
    {8.4F,
     "M0 7.8 v1.9 10 h3.8 7.8 v1.9 5.6 h0 7.8 M4.6 2.2 v6.5 4.4 h8.4 2.2 v6.5 0 h4.6 2.2 M7.2 10 L1.2 0"},
    {7.2F,
     "M7.2 0 L1.4 6.6 Q.6 7.6 .8 8.4 Q1.1 10 2.8 10 Q4.6 10 4.7 8.2 Q4.7 6.9 3.2 5.9 L1.6 4.9 Q0 3.9 0 2.4 "
     "Q.1 0 2.9 0 Q6 0 6.8 4.6"},
    {0, "M0 10 L0 7.4"},
    {2.2F, "M2.2 11.4 Q0 8.4 0 4.8 Q0 1.2 2.2 -1.8"},
    {2.2F, "M0 11.4 Q2.2 8.4 2.2 4.8 Q2.2 1.2 0 -1.8"},
    {4.2F, "M2.1 10 L2.1 5.2 M0 8.8 L4.2 6.4 M4.2 8.8 L0 6.4"},
    {6, "M3 2 L3 8 M0 5 L6 5"},
    {.8F, "M.8 .2 L0 -2"},
    {3.4F, "M0 4 L3.4 4"},
    {0, "M0 .2 L0 0"},
    {4, "M0 -1 L4 11"},
    {6, "M0 5 v3 10 h6 5 v3 0 h0 5"},
    {6, "M1 8 L3.6 10 L3.6 0"},
    {6, "M.2 7.5 v3 10 h5.8 7.3 Q5.8 5.8 4.6 4.6 L0 0 L6 0"},
    {6, "M.3 8.1 v3 10 h5.7 7.65 v3 5.3 L2.2 5.3 M3 5.3 h6 2.65 v3 0 h0 2"},
    {6, "M4.4 0 L4.4 10 L0 3 L6 3"},
    {6, "M5.4 10 L.9 10 L.5 5.4 Q1.6 6.4 3 6.4 h6 3.2 v3 0 h0 1.9"},
    {6, "M5.4 8.6 v3.2 10 h0 4 L0 3.2 v3 0 h6 3.2 v3 6.2 h0 3.2"},
    {6, "M0 10 L6 10 L2 0"},
    {6, "M3 5.3 h.3 7.65 v3 10 h5.7 7.65 v3 5.3 h0 2.65 v3 0 h6 2.65 v3 5.3"},
    {6, "M.6 1.4 v2.8 0 h6 6 L6 6.8 v3 10 h0 6.8 v3 3.8 h6 6.8"},
    {0, "M0 .2 L0 0 M0 5.8 L0 5.6"},
    {.8F, "M.8 .2 L0 -2 M.8 5.8 L.8 5.6"},
    {5.4F, "M5.4 8.4 L0 5 L5.4 1.6"},
    {6, "M0 6.5 L6 6.5 M0 3.5 L6 3.5"},
    {5.4F, "M0 8.4 L5.4 5 L0 1.6"},
    {5.2F, "M0 7.8 v2.6 10 h5.2 7.5 Q5.2 6.2 3.8 5.2 Q2.5 4.3 2.5 2.9 M2.5 .2 L2.5 0"},
    {10.2F,
     "M7.4 6.8 L7.4 3.4 Q7.6 1.8 8.7 1.8 Q10.2 2 10.2 4.8 v5.2 9.8 h0 4 v5 -1.8 Q7 -1.8 8.4 -.8 "
     "M7.4 4.2 v5.2 6.8 h2.8 4.2 v5 1.8 h7.4 4.2"},
    {7, "M0 0 L3.5 10 L7 0 M1.2 3.4 L5.8 3.4"},
    {6.2F, "M0 0 L0 10 L3.4 10 h5.8 7.6 v3.4 5.2 L0 5.2 M3.4 5.2 h6.2 2.6 v3.4 0 L0 0"},
    {7, "M7 7.6 v3.8 10 h0 5 v3.8 0 h7 2.4"},
    {6.8F, "M0 0 L0 10 L2.6 10 h6.8 5 v2.6 0 L0 0"},
    {5.6F, "M5.6 10 L0 10 L0 0 L5.6 0 M0 5.2 L4.8 5.2"},
    {5.4F, "M5.4 10 L0 10 L0 0 M0 5 L4.6 5"},
    {7.2F, "M7 7.7 v3.8 10 h0 5 v3.8 0 h7.2 2.8 L7.2 4.6 L4.2 4.6"},
    {6.8F, "M0 0 L0 10 M6.8 0 L6.8 10 M0 5.2 L6.8 5.2"},
    {0, "M0 0 L0 10"},
    {4.4F, "M4.4 10 L4.4 2.6 v2.2 0 h0 2.2"},
    {6.2F, "M0 0 L0 10 M6 10 L0 4 M2.2 6.1 L6.2 0"},
    {5.2F, "M0 10 L0 0 L5.2 0"},
    {8.4F, "M0 0 L0 10 L4.2 3.4 L8.4 10 L8.4 0"},
    {6.8F, "M0 0 L0 10 L6.8 0 L6.8 10"},
    {7.8F, "M0 5 v3.9 10 h7.8 5 v3.9 0 h0 5"},
    {6, "M0 0 L0 10 L3.2 10 h6 7.2 v3.2 4.4 L0 4.4"},
    {7.8F, "M0 5 v3.9 10 h7.8 5 v3.9 0 h0 5 M4.8 2.6 L7.8 -.8"},
    {6.4F, "M0 0 L0 10 L3.2 10 h6 7.2 v3.2 4.4 L0 4.4 M3 4.4 L6.4 0"},
    {6.2F, "M5.9 8 v3 10 h.2 7.6 v3 5.2 h6.2 2.6 v3 0 h0 2.1"},
    {6.8F, "M0 10 L6.8 10 M3.4 10 L3.4 0"},
    {6.8F, "M0 10 L0 3.4 v3.4 0 h6.8 3.4 L6.8 10"},
    {7, "M0 10 L3.5 0 L7 10"},
    {10, "M0 10 L2.5 0 L5 9 L7.5 0 L10 10"},
    {6.8F, "M0 10 L6.8 0 M6.8 10 L0 0"},
    {6.8F, "M0 10 L3.4 5 L6.8 10 M3.4 5 L3.4 0"},
    {6.4F, "M0 10 L6.4 10 L0 0 L6.4 0"},
    {2.2F, "M2.2 11.2 L0 11.2 L0 -1.6 L2.2 -1.6"},
    {4, "M0 11 L4 -1"},
    {2.2F, "M0 11.2 L2.2 11.2 L2.2 -1.6 L0 -1.6"},
    {5.2F, "M0 6 L2.6 10 L5.2 6"},
    {6, "M0 -1.5 L6 -1.5"},
    {1.6F, "M0 10.4 L1.6 8.6"},
    {5, "M.3 5.5 v2.6 7 h5 4.8 L5 0 M5 4.1 L2.2 4.1 h0 2.05 v2.2 0 h5 2.4"},
    {5.2F, "M0 10 L0 0 M0 3.5 v2.6 7 h5.2 3.5 v2.6 0 h0 3.5"},
    {4.8F, "M4.8 5.2 v2.6 7 h0 3.5 v2.6 0 h4.8 1.8"},
    {5.2F, "M5.2 10 L5.2 0 M5.2 3.5 v2.6 7 h0 3.5 v2.6 0 h5.2 3.5"},
    {5.2F, "M0 3.6 L5.2 3.6 v2.6 7 h0 3.5 v2.7 0 h4.9 1.6"},
    {3.4F, "M3.4 10 h1.2 8 L1.2 0 M0 7 L3.2 7"},
    {5.2F, "M5.2 7 L5.2 -.6 v2.6 -3 h.3 -1.7 M5.2 3.5 v2.6 7 h0 3.5 v2.6 0 h5.2 3.5"},
    {5, "M0 0 L0 10 M0 4.2 v2.6 7 h5 4.4 L5 0"},
    {0, "M0 0 L0 7 M0 10 L0 9.8"},
    {1.6F, "M1.6 7 L1.6 -1.2 v0 -3 M1.6 10 L1.6 9.8"},
    {4.8F, "M0 0 L0 10 M4.6 7 L0 2.6 M1.8 4.3 L4.8 0"},
    {1.6F, "M0 10 L0 1.8 v1.6 0"},
    {8.4F, "M0 0 L0 7 M0 4.4 v2.3 7 h4.2 4.6 L4.2 0 M4.2 4.4 v6.5 7 h8.4 4.6 L8.4 0"},
    {5, "M0 0 L0 7 M0 4.2 v2.6 7 h5 4.4 L5 0"},
    {5.4F, "M0 3.5 v2.7 7 h5.4 3.5 v2.7 0 h0 3.5"},
    {5.2F, "M0 7 L0 -3 M0 3.5 v2.6 7 h5.2 3.5 v2.6 0 h0 3.5"},
    {5.2F, "M5.2 7 L5.2 -3 M5.2 3.5 v2.6 7 h0 3.5 v2.6 0 h5.2 3.5"},
    {3, "M0 0 L0 7 M0 4 v3 7"},
    {4.5F, "M4.3 5.5 v2.2 7 h.15 5.3 v2.2 3.65 h4.5 1.85 v2.2 0 h0 1.5"},
    {3.2F, "M1.2 9.4 L1.2 2 v3.2 0 M0 7 L3.2 7"},
    {5, "M0 7 L0 2.6 v2.4 0 h5 2.8 M5 7 L5 0"},
    {5.2F, "M0 7 L2.6 0 L5.2 7"},
    {7.6F, "M0 7 L1.9 0 L3.8 6.4 L5.7 0 L7.6 7"},
    {4.8F, "M0 7 L4.8 0 M4.8 7 L0 0"},
    {5.4F, "M0 7 L2.7 .2 M5.4 7 L2 -1.8 Q1.5 -3 .2 -3"},
    {4.6F, "M0 7 L4.6 7 L0 0 L4.6 0"},
    {2.8F, "M2.8 11.2 h1.3 9.6 L1.3 6.4 Q1.3 4.8 0 4.8 Q1.3 4.8 1.3 3.2 L1.3 0 v2.8 -1.6"},
    {0, "M0 11.2 L0 -1.6"},
    {2.8F, "M0 11.2 h1.5 9.6 L1.5 6.4 Q1.5 4.8 2.8 4.8 Q1.5 4.8 1.5 3.2 L1.5 0 v0 -1.6"},
    {6.4F, "M0 4.4 Q.2 6 1.6 6 Q2.6 6 3.2 5.1 Q3.8 4.2 4.8 4.2 Q6.2 4.2 6.4 5.8"},
};
static_assert(sizeof(kGlyphs) / sizeof(Glyph) == kLast - kFirst + 1);

constexpr Glyph kMissing = {5, "M0 0 L0 10 L5 10 L5 0 L0 0"};
constexpr Glyph kPlusMinus = {6, "M3 3 L3 9 M0 6 L6 6 M0 0 L6 0"};
constexpr Glyph kTimes = {5, "M0 2.5 L5 7.5 M5 2.5 L0 7.5"};
constexpr Glyph kMiddleDot = {0, "M0 4.1 L0 3.9"};

const Glyph& glyph_of(char32_t code) {
  if (code >= kFirst && code <= kLast) return kGlyphs[code - kFirst];
  switch (code) {
    case U'\u00B1':
      return kPlusMinus;
    case U'\u00D7':
      return kTimes;
    case U'\u00B7':
      return kMiddleDot;
    default:
      return kMissing;
  }
}

// The character at `i`, which moves past it. A byte that is not valid UTF-8 counts as one unknown character.
char32_t next_character(std::string_view text, size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i++]);
  if (lead < 0x80) return lead;
  const size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  char32_t code = lead & (0x3FU >> more);
  for (size_t k = 0; k < more; ++k) {
    if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80) return 0xFFFD;
    code = (code << 6U) | (static_cast<unsigned char>(text[i++]) & 0x3FU);
  }
  return more == 0 ? 0xFFFD : code;
}

// A glyph's strokes as chains of points on the grid.
class Outline {
 public:
  explicit Outline(const char* path) : at_(path) {
    while (*at_ != '\0') {
      const char command = *at_++;
      if (command == ' ') continue;
      if (command == 'M') chains_.emplace_back();
      if (command == 'M' || command == 'L') chains_.back().push_back(point());
      if (command == 'Q') curve(point());
      if (command == 'v' || command == 'h') quarter(command == 'h');
    }
  }
  const std::vector<std::vector<Point>>& chains() const { return chains_; }

 private:
  static constexpr int kSteps = 8;

  float number() {
    char* end = nullptr;
    const float value = std::strtof(at_, &end);
    at_ = end;
    return value;
  }
  Point point() {
    const float x = number();
    return {x, number()};
  }
  void curve(Point control) {
    const Point from = chains_.back().back(), to = point();
    for (int i = 1; i <= kSteps; ++i) {
      const float t = static_cast<float>(i) / kSteps, s = 1 - t;
      chains_.back().push_back({s * s * from.x + 2 * s * t * control.x + t * t * to.x,
                                s * s * from.y + 2 * s * t * control.y + t * t * to.y});
    }
  }
  void quarter(bool horizontal) {
    const Point from = chains_.back().back(), to = point();
    for (int i = 1; i <= kSteps; ++i) {
      const float angle = static_cast<float>(i) * 1.57079633F / kSteps;
      const float across = std::sin(angle), along = 1 - std::cos(angle);
      chains_.back().push_back({from.x + (to.x - from.x) * (horizontal ? across : along),
                                from.y + (to.y - from.y) * (horizontal ? along : across)});
    }
  }

  const char* at_;
  std::vector<std::vector<Point>> chains_;
};

float advance(const Glyph& glyph, const TextStyle& style) {
  const float width = (glyph.width + kGap + (style.bold ? 0.5F : 0.0F)) * style.size / kCapital;
  return style.size < 16 ? std::round(width) : width;  // whole pixels keep small stems sharp
}

}  // namespace

float draw_text(Canvas& canvas, float x, float y, std::string_view text, const TextStyle& style) {
  const float scale = style.size / kCapital;
  const float thickness = std::max(1.15F, style.size * (style.bold ? 0.175F : 0.115F));
  float pen = std::floor(x) + 0.5F + std::floor(thickness / 2);
  const float baseline = std::floor(y) - 0.5F;
  for (size_t i = 0; i < text.size();) {
    const Glyph& glyph = glyph_of(next_character(text, i));
    std::vector<std::vector<Point>> chains = Outline(glyph.path).chains();
    for (auto& chain : chains) {
      for (Point& p : chain) p = {pen + p.x * scale, baseline - p.y * scale};
    }
    stroke_chains(canvas, chains, thickness, style.colour);
    pen += advance(glyph, style);
  }
  return text_width(text, style);
}

float text_width(std::string_view text, const TextStyle& style) {
  float width = 0;
  for (size_t i = 0; i < text.size();) width += advance(glyph_of(next_character(text, i)), style);
  return width;
}

std::string fitted_text(std::string_view text, float width, const TextStyle& style) {
  if (text_width(text, style) <= width) return std::string(text);
  std::vector<std::string> characters;
  for (size_t i = 0; i < text.size();) {
    const size_t from = i;
    next_character(text, i);
    characters.emplace_back(text.substr(from, i - from));
  }
  // The end of a path tells more than its middle, so two thirds of what stays are its tail.
  for (size_t keep = characters.size(); keep > 0; --keep) {
    const size_t head = keep / 3, tail = keep - head;
    std::string shorter;
    for (size_t i = 0; i < head; ++i) shorter += characters[i];
    shorter += "...";
    for (size_t i = characters.size() - tail; i < characters.size(); ++i) shorter += characters[i];
    if (text_width(shorter, style) <= width) return shorter;
  }
  return "...";
}

}  // namespace levit::tools
