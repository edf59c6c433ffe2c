#include "kernels/table.h"

#include <string>

#include "doctest/doctest.h"

namespace levit::kernels {
namespace {

TEST_CASE("the supported tables are distinct, best first, and found by name in any case") {
  size_t count = 0;
  const Table* const* tables = supported_tables(&count);
  REQUIRE(count >= 1);
  CHECK(find_table(nullptr) == tables[0]);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(tables[i]->name);
    CHECK(find_table(tables[i]->name) == tables[i]);
    std::string lower = tables[i]->name;
    for (char& c : lower) {
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    CHECK(find_table(lower.c_str()) == tables[i]);
    if (i > 0) {
      CHECK(tables[i]->lanes <= tables[i - 1]->lanes);
      CHECK(std::string(tables[i]->name) != tables[i - 1]->name);
    }
  }
}

TEST_CASE("a name that no supported table has finds nothing") {
  CHECK(find_table("") == nullptr);
  CHECK(find_table("AVX") == nullptr);
  CHECK(find_table("AVX22") == nullptr);
}

}  // namespace
}  // namespace levit::kernels
