#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "levit.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"

namespace levit::tests {
namespace {

std::vector<float> logits_of(const OpenModel& model, const std::vector<float>& pictures, size_t batch,
                             const char* target) {
  const OpenContext context(model, options_with(0, static_cast<uint32_t>(batch), target));
  std::vector<float> logits(batch * model.info().classes);
  REQUIRE(levit_classify(context, {nullptr, pictures.data()}, batch, logits.data()) == LEVIT_OK);
  return logits;
}

}  // namespace

TEST_CASE("the tiny model's logits equal the golden on every target") {
  const OpenModel model(Seed{"tiny"});
  for (const std::string& target : target_names()) {
    CAPTURE(target);
    const std::vector<float> logits = logits_of(model, seeded_input(3), 3, target.c_str());
    CHECK(relative_l2(logits, load_npy("model/levit_tiny_2/logits.npy").values) < 1e-5);
  }
}

}  // namespace levit::tests
