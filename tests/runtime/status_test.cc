#include <doctest/doctest.h>

#include <cstring>

#include "levit.h"

TEST_CASE("every status has a name and a sentence") {
  for (int i = 0; i < LEVIT_STATUS_COUNT; ++i) {
    const auto status = static_cast<levit_status>(i);
    CHECK(std::strcmp(levit_status_name(status), "UNKNOWN") != 0);
    CHECK(std::strlen(levit_status_text(status)) > 5);
  }
  CHECK(std::strcmp(levit_status_name(LEVIT_STATUS_COUNT), "UNKNOWN") == 0);
}
