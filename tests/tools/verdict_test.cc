// From a picture file to a verdict with the default model: tests/data/pictures/expected.json, which torch
// computed in float64 on the pixels of Pillow's decoder.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "levit.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "tools/common/model_file.h"
#include "tools/picture/picture.h"

namespace {

using levit::tests::data_path;

double probability_of_ai(levit_context* context, const levit::tools::Picture& picture, levit_resize resize) {
  const levit_image image = picture.image();
  size_t bytes = 0;
  REQUIRE(levit_preprocess_bytes(image.width, image.height, resize, &bytes) == LEVIT_OK);
  std::vector<uint8_t> scratch(bytes), rgb(size_t{3} * LEVIT_SIDE * LEVIT_SIDE);
  REQUIRE(levit_preprocess(context, &image, resize, scratch.data(), bytes, rgb.data()) == LEVIT_OK);
  float values[2] = {};
  REQUIRE(levit_classify(context, {rgb.data(), nullptr}, 1, values) == LEVIT_OK);
  REQUIRE(levit_probabilities(context, values, 1, values) == LEVIT_OK);
  return static_cast<double>(values[0]);
}

}  // namespace

// The fp16 file may move a probability by 0.001, a build without libjpeg-turbo by 0.03; near one half that
// may change the label.
TEST_CASE("photographs and generated pictures get the verdicts that torch gives them") {
  const levit::tools::ModelFile file(data_path("../../weights/ai_vs_real.levit"));
  REQUIRE(file.info().classes == 2);
  REQUIRE(std::string(file.label(0)) == "ai");
  const levit::tests::OpenContext context(file.model(), levit::tests::options_with(0));
  std::ifstream stream(data_path("pictures/expected.json"));
  const nlohmann::json expected = nlohmann::json::parse(stream);
  REQUIRE(expected.size() == 9);
  for (const auto& [name, answer] : expected.items()) {
    CAPTURE(name);
    const levit::tools::Picture picture = levit::tools::load_picture(data_path("pictures/" + name));
    CHECK(picture.width == answer["size"][0]);
    CHECK(picture.height == answer["size"][1]);
#ifdef LEVIT_CODECS
    const bool exact_pixels = true;
#else
    const bool exact_pixels = name.find(".png") != std::string::npos;
#endif
    const double tolerance = exact_pixels ? 0.001 : 0.03;
    for (const auto& [mode, resize] :
         {std::pair{"squash", LEVIT_RESIZE_SQUASH}, {"timm", LEVIT_RESIZE_TIMM}}) {
      CAPTURE(mode);
      const double truth = answer[mode]["probability_ai"];
      const double got = probability_of_ai(context, picture, resize);
      CHECK(std::abs(got - truth) <= tolerance);
      if (std::abs(truth - 0.5) > tolerance) CHECK((got > 0.5) == (truth > 0.5));
    }
  }
}

// Pictures that other programs read and this one once did not, or read wrongly: tests/data/pictures/cases.
// The right answers come from pixels that were fed as tensors.
TEST_CASE("pictures of unusual kinds get the verdict of their right pixels or a refusal") {
  const levit::tools::ModelFile file(data_path("../../weights/ai_vs_real.levit"));
  const levit::tests::OpenContext context(file.model(), levit::tests::options_with(0));
  std::ifstream stream(data_path("pictures/cases/expected.json"));
  const nlohmann::json expected = nlohmann::json::parse(stream);
  REQUIRE(expected.size() == 23);
  std::vector<std::string> refused;
  for (const auto& [name, answer] : expected.items()) {
    CAPTURE(name);
    const levit_resize resize = name == "hf-odd-rest.png" ? LEVIT_RESIZE_HF : LEVIT_RESIZE_SQUASH;
    try {
      const levit::tools::Picture picture = levit::tools::load_picture(data_path("pictures/cases/" + name));
      CHECK_FALSE(picture.incomplete);
      REQUIRE_FALSE(answer.contains("refuse"));
      const double truth = answer["ai"];
      CHECK(std::abs(probability_of_ai(context, picture, resize) - truth) <= 0.005);
    } catch (const std::runtime_error&) {
      if (!answer.contains("refuse")) refused.push_back(name);
    }
  }
#ifdef LEVIT_CODECS
  CHECK(refused.empty());
#else  // what stb_image cannot read rightly
  CHECK(refused == std::vector<std::string>{"cmyk-ids-1-2-3-1.jpg", "ids-all-1.jpg", "jfif-with-ids-RGB.jpg",
                                            "junk-with-ff00-before-end.jpg", "text-instead-of-end.jpg",
                                            "webcam-without-huffman-tables.jpg",
                                            "zeros-between-segments.jpg"});
#endif
}
