// Goldens: tests/data/preprocess, made by Pillow 9.4; every byte must agree.
#include "runtime/preprocess.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "levit.h"
#include "tests/support/npy.h"
#include "tools/picture/picture.h"

namespace {

using levit::tests::data_path;
using levit::tools::load_picture;
using levit::tools::Picture;

constexpr size_t kOutBytes = size_t{3} * LEVIT_SIDE * LEVIT_SIDE;

std::vector<uint8_t> preprocess(const levit_image& image, levit_resize resize) {
  size_t bytes = 0;
  REQUIRE(levit_preprocess_bytes(image.width, image.height, resize, &bytes) == LEVIT_OK);
  std::vector<uint8_t> scratch(bytes, 0xa5), out(kOutBytes);
  REQUIRE(levit_preprocess(&image, resize, scratch.data(), bytes, out.data()) == LEVIT_OK);
  return out;
}

// Bytes that differ.
size_t differences(const std::vector<uint8_t>& got, const std::string& golden) {
  const Picture expected = load_picture(data_path("preprocess/" + golden));
  REQUIRE(expected.width == LEVIT_SIDE);
  REQUIRE(expected.height == LEVIT_SIDE);
  size_t count = 0;
  for (size_t i = 0; i < kOutBytes; ++i) count += got[i] != expected.pixels[i];
  return count;
}

nlohmann::json load_json(const std::string& name) {
  std::ifstream file(data_path(name));
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("every picture of the goldens is resized as Pillow does") {
  const nlohmann::json sizes = load_json("preprocess/sizes.json");
  REQUIRE(sizes.size() == 18);
  for (const auto& [name, size] : sizes.items()) {
    CAPTURE(name);
    const Picture source = load_picture(data_path("preprocess/" + name + "/source.png"));
    REQUIRE(source.width == size["width"]);
    REQUIRE(source.height == size["height"]);
    CHECK(differences(preprocess(source.image(), LEVIT_RESIZE_SQUASH), name + "/squash.png") == 0);
    CHECK(differences(preprocess(source.image(), LEVIT_RESIZE_TIMM), name + "/timm.png") == 0);

    using levit::runtime::Filter;
    const levit::runtime::Geometry bicubic{{Filter::kBicubic, source.width, LEVIT_SIDE, 0},
                                           {Filter::kBicubic, source.height, LEVIT_SIDE, 0}};
    std::vector<uint8_t> scratch(levit::runtime::resample_bytes(bicubic)), out(kOutBytes);
    levit::runtime::resample(source.image(), bicubic, scratch.data(), out.data());
    CHECK(differences(out, name + "/bicubic.png") == 0);

    const auto timm = levit::runtime::geometry(source.width, source.height, LEVIT_RESIZE_TIMM);
    CHECK(timm.x.out == size["timm_resized"][0]);
    CHECK(timm.y.out == size["timm_resized"][1]);
    CHECK(timm.x.offset == size["timm_offset"][0]);
    CHECK(timm.y.offset == size["timm_offset"][1]);
  }
}
