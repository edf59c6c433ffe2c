#include "kernels/dispatch.h"

#include <string>

#include "doctest/doctest.h"

namespace levit::kernels {
namespace {

TEST_CASE("the supported targets are distinct, best first, and found by name in any case") {
  size_t count = 0;
  const Dispatch* const* targets = supported_targets(&count);
  REQUIRE(count >= 1);
  CHECK(find_target(nullptr) == targets[0]);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(targets[i]->name);
    CHECK(find_target(targets[i]->name) == targets[i]);
    std::string lower = targets[i]->name;
    for (char& c : lower) {
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    CHECK(find_target(lower.c_str()) == targets[i]);
    if (i > 0) {
      CHECK(targets[i]->lanes <= targets[i - 1]->lanes);
      CHECK(std::string(targets[i]->name) != targets[i - 1]->name);
    }
  }
}

TEST_CASE("a name that no supported target has finds nothing") {
  CHECK(find_target("") == nullptr);
  CHECK(find_target("AVX") == nullptr);
  CHECK(find_target("AVX22") == nullptr);
}

}  // namespace
}  // namespace levit::kernels
