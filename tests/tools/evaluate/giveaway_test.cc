// What files tell without a look at the pictures.
#include "tools/levit/evaluate/giveaway.h"

#include <doctest/doctest.h>

#include "tests/support/npy.h"

namespace levit::tools {
namespace {

// Two classes whose files are alike: sizes and colours by seeded numbers that have nothing to do with them.
std::vector<GiveAwayRow> alike(size_t count) {
  const std::vector<double> numbers = tests::uniform("give-away", 4 * count);
  std::vector<GiveAwayRow> rows(count);
  for (size_t i = 0; i < count; ++i) {
    const double* number = &numbers[4 * i];
    rows[i].file = {static_cast<size_t>(50000 + 20000 * number[0]), "jpeg", 700, 900};
    rows[i].width = static_cast<size_t>(800 + 300 * number[1]);
    rows[i].height = 600;
    for (size_t c = 0; c < 3; ++c)
      rows[i].colour[c] =
          static_cast<float>(128 + 40 * (number[2] + 0.3 * static_cast<double>(c) * number[3]));
    rows[i].label = i / (count / 2);
  }
  return rows;
}

double clue(const GiveAway& found, const std::string& name) {
  for (const GiveAwayClue& one : found.clues)
    if (one.name == name) return one.balanced_accuracy;
  return -1;
}

TEST_CASE("files that are alike give nothing away") {
  const GiveAway found = find_give_away(alike(600));
  CHECK(found.checked);
  CHECK_FALSE(found.solved());
  CHECK(found.balanced_accuracy == doctest::Approx(0.5).epsilon(0.15));
}

TEST_CASE("one clue that differs is found and named, whichever it is") {
  const struct {
    const char* name;
    void (*plant)(GiveAwayRow&);
  } cases[] = {
      {"format", [](GiveAwayRow& row) { row.file.format = "png"; }},
      {"JPEG tables", [](GiveAwayRow& row) { row.file.luma_steps = 350; }},
      {"pixel count", [](GiveAwayRow& row) { row.width = row.height = 1024; }},
      {"aspect", [](GiveAwayRow& row) { row.height = row.width; }},
      {"mean colour", [](GiveAwayRow& row) { row.colour[2] += 90; }},
      {"file size", [](GiveAwayRow& row) { row.file.bytes *= 4; }},
  };
  for (const auto& [planted, plant] : cases) {
    const std::string name = planted;  // clang 14 captures no structured binding
    CAPTURE(name);
    std::vector<GiveAwayRow> rows = alike(400);
    for (GiveAwayRow& row : rows)
      if (row.label == 1) plant(row);
    const GiveAway found = find_give_away(rows);
    CHECK(found.solved());
    CHECK(clue(found, name) > 0.85);
    CHECK(found.sentence().find(name + " alone") != std::string::npos);
  }
}

TEST_CASE("a class that was compressed once more is found by its tables, however alike their sums are") {
  std::vector<GiveAwayRow> rows = alike(400);
  for (size_t i = 0; i < rows.size(); ++i) {
    // As found: 40 programs with tables of their own; once more: one quality, in the middle of theirs.
    const size_t program = rows[i].label == 1 ? 20 : i * 7 % 40;
    rows[i].file.luma_steps = 400 + program;
    rows[i].file.chroma_steps = 700 + program;
    rows[i].file.tables = 1000 + program;
  }
  const GiveAway found = find_give_away(rows);
  CHECK(clue(found, "JPEG tables") > 0.9);
  CHECK(found.solved());
}

TEST_CASE("a large class does not make a small one look solved") {
  std::vector<GiveAwayRow> rows = alike(600);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].label = i % 12 == 0 ? 1 : 0;
  const GiveAway found = find_give_away(rows);
  CHECK_FALSE(found.solved());
}

TEST_CASE("too few pictures of a class are not checked") {
  std::vector<GiveAwayRow> rows = alike(40);
  for (GiveAwayRow& row : rows) row.label = 0;
  for (size_t i = 0; i < kGiveAwayLeast - 1; ++i) rows[i].label = 1;
  CHECK_FALSE(find_give_away(rows).checked);
  rows[kGiveAwayLeast].label = 1;
  CHECK(find_give_away(rows).checked);
}

TEST_CASE("the tables of a JPEG file are added up, whatever stands in front of them") {
  std::string file =
      "\xff\xd8\xff\xe1" + std::string("\0\x06", 2) + "Exif" + "\xff\xdb" + std::string("\0\x84", 2);
  file += '\0' + std::string(64, 3) + '\1' + std::string(64, 5);
  file += "\xff\xda" + std::string("\0\x04", 2) + "..";
  const FileFacts facts = facts_of(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  CHECK(facts.format == "jpeg");
  CHECK(facts.luma_steps == 64 * 3);
  CHECK(facts.chroma_steps == 64 * 5);
  std::string other = file;
  std::swap(other[20], other[90]);  // a step of one table for one of the other: other tables
  CHECK(facts_of(reinterpret_cast<const uint8_t*>(other.data()), other.size()).tables != facts.tables);
  // Cut anywhere: no more than what is there.
  for (size_t bytes = 0; bytes < file.size(); ++bytes)
    CHECK(facts_of(reinterpret_cast<const uint8_t*>(file.data()), bytes).luma_steps <= 64 * 3);
}

}  // namespace
}  // namespace levit::tools
