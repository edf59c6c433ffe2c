// The files of tests/data/fuzz/weights are also the memory of the format: what wrote them once must write
// them always.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/npy.h"
#include "tests/weights/models.h"
#include "tools/checkpoint/writer.h"
#include "weights/reader.h"
#include "weights/validate.h"

using namespace levit;

namespace {

struct Golden {
  const char* file;
  uint32_t classes;
  weights::Type type;
};
constexpr Golden kGoldens[] = {{"smallest_f16.levit", 2, weights::Type::kHalf},
                               {"smallest_f32.levit", 1, weights::Type::kFloat},
                               {"smallest_q8.levit", 2, weights::Type::kInt8}};

tools::FoldedModel model_of(const Golden& golden) {
  tools::FoldedModel model = tests::seeded_model(tests::smallest(golden.classes));
  if (golden.classes == 2) model.labels = {"künstlich", "写真"};
  return model;
}

std::string path_of(const Golden& golden) {
  return std::string("fuzz/weights/") + golden.file;
}

}  // namespace

TEST_CASE("files of format 1.0 are read, and written byte for byte") {
  for (const Golden& golden : kGoldens) {
    const std::string file = golden.file;
    CAPTURE(file);
    const std::vector<uint8_t> bytes = tests::read_data(path_of(golden));
    const tests::Image image(bytes);
    CHECK(weights::validate(image.data(), image.bytes()) == weights::Fault::kNone);
    CHECK(bytes == tools::write_levit(model_of(golden), golden.type));
  }
}

// For a new version of the format: weights_test --no-skip --test-case="write the goldens".
TEST_CASE("write the goldens" * doctest::skip()) {
  for (const Golden& golden : kGoldens) {
    const std::vector<uint8_t> bytes = tools::write_levit(model_of(golden), golden.type);
    std::ofstream file(tests::data_path(path_of(golden)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    CHECK(file.good());
  }
}
