#include <doctest/doctest.h>

#include <cstring>

#include "levit.h"
#include "tests/support/seeded.h"

TEST_CASE("every status has a name and a sentence") {
  for (int i = 0; i < LEVIT_STATUS_COUNT; ++i) {
    const auto status = static_cast<levit_status>(i);
    CHECK(std::strcmp(levit_status_name(status), "UNKNOWN") != 0);
    CHECK(std::strlen(levit_status_text(status)) > 5);
  }
  CHECK(std::strcmp(levit_status_name(LEVIT_STATUS_COUNT), "UNKNOWN") == 0);
}

TEST_CASE("labels come one after the other, each from the one before it") {
  const levit::tests::OpenModel model(levit::tests::Seed{"micro", 3});
  const char* label = levit_label(model, 0);
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(label != nullptr);
    CHECK(label == levit_label(model, i));
    label = levit_next_label(model, label);
  }
  CHECK(label == nullptr);
  CHECK(levit_label(model, 3) == nullptr);
  CHECK(levit_next_label(model, nullptr) == nullptr);
  CHECK(levit_next_label(nullptr, "") == nullptr);
}

// 65 536 classes are legal; two thousand million calls of strlen would take minutes here.
TEST_CASE("all labels of the largest model are read in one walk") {
  const levit::tests::OpenModel model(levit::tests::Seed{"micro", 65536});
  size_t count = 0;
  for (const char* label = levit_label(model, 0); label != nullptr; label = levit_next_label(model, label))
    ++count;
  CHECK(count == 65536);
}
