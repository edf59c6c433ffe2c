// Whether the classes of a data set can be told apart without a look at the pictures: by what their files are
// like. If so, an accuracy on it may say nothing of the pictures.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_GIVEAWAY_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_GIVEAWAY_H_

#include <array>
#include <string>
#include <vector>

#include "tools/levit/evaluate/facts.h"

namespace levit::tools {

struct GiveAwayRow {
  FileFacts file;
  size_t width = 0, height = 0;
  std::array<float, 3> colour{};  // mean R, G, B
  size_t label = 0;
};

struct GiveAwayClue {
  std::string name;          // "file size", "pixel count", "aspect", "format", "JPEG tables", "mean colour"
  double balanced_accuracy;  // by this clue alone
};

struct GiveAway {
  bool checked = false;          // two classes with kGiveAwayLeast pictures at least
  size_t pictures = 0;           // that it was checked with
  double chance = 0;             // 1 / classes
  double balanced_accuracy = 0;  // by all clues together
  std::vector<GiveAwayClue> clues;

  // The level from which on a data set is warned of: 0.7 for two classes, 40 % of the way from chance to 1.
  double level() const { return chance + 0.4 * (1 - chance); }
  // The largest of balanced_accuracy and the clues'.
  double strongest() const;
  bool solved() const { return checked && strongest() > level(); }
  // One sentence with the figures.
  std::string sentence() const;
};

inline constexpr size_t kGiveAwayLeast = 10;

// Balanced accuracy of 11 nearest neighbours, votes weighted by the rarity of their class, standardised
// clues, five folds. At most 3000 rows are taken, evenly spread. The same rows give the same answer.
GiveAway find_give_away(const std::vector<GiveAwayRow>& rows);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_GIVEAWAY_H_
