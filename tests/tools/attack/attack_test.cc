// `levit attack`: examples stay in their ball, are stronger than chance, and survive the way through a file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/npy.h"
#include "tests/support/program.h"
#include "tests/support/seeded.h"
#include "tools/levit/attack/attacker.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using levit::tools::Attacker;
using nlohmann::json;

namespace {

// Smooth pixels in [0, 1], some of them at the ends.
std::vector<float> seeded_pixels(const std::string& name) {
  std::vector<float> pixels;
  for (const double value : uniform(name, kPixels))
    pixels.push_back(static_cast<float>(std::clamp(0.5 + 0.6 * value, 0.0, 1.0)));
  return pixels;
}

double loss(const levit_model* model, const std::vector<float>& pixels, size_t truth) {
  const levit_info about = levit::info(model);
  std::vector<float> tensor(pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t c = i / (pixels.size() / 3);
    tensor[i] = (pixels[i] - about.mean[c]) / about.std[c];
  }
  levit::Context context(model);
  const std::vector<float> logits = context.classify({nullptr, tensor.data()});
  const double z = static_cast<double>(logits[1] - logits[0]);
  return std::log1p(std::exp(truth == 0 ? z : -z));
}

void in_ball(const std::vector<float>& changed, const std::vector<float>& pixels, float epsilon) {
  float farthest = 0, low = 1, high = 0;
  for (size_t i = 0; i < pixels.size(); ++i) {
    farthest = std::max(farthest, std::abs(changed[i] - pixels[i]));
    low = std::min(low, changed[i]);
    high = std::max(high, changed[i]);
  }
  CHECK(farthest <= epsilon * 1.0001F);
  CHECK(farthest > 0);
  CHECK(low >= 0);
  CHECK(high <= 1);
}

}  // namespace

TEST_CASE("adversarial pixels stay within epsilon and in [0, 1], and raise the loss, PGD more than FGSM") {
  Seed seed;
  seed.variant = "micro";
  seed.calm = true;  // weights of the size that training leaves, so that a step does not overshoot
  const OpenModel model(seed);
  Attacker attacker(model, levit_default_options());
  for (const float epsilon : {1 / 255.0F, 8 / 255.0F}) {
    const std::vector<float> pixels = seeded_pixels("attacked");
    const size_t truth = attacker.judge(pixels);
    const std::vector<float> once = attacker.fgsm(pixels, truth, epsilon);
    const std::vector<float> many = attacker.pgd(pixels, truth, epsilon, 10, 3);
    in_ball(once, pixels, epsilon);
    in_ball(many, pixels, epsilon);
    const double before = loss(model, pixels, truth), after_one = loss(model, once, truth),
                 after_many = loss(model, many, truth);
    CHECK(after_one > before);
    const bool wrong = attacker.judge(many) != truth;
    CHECK((wrong || after_many > after_one));
  }
}

TEST_CASE("the seed of the random start is all that a PGD example depends on") {
  Seed seed;
  seed.variant = "micro";
  const OpenModel model(seed);
  Attacker attacker(model, levit_default_options());
  const std::vector<float> pixels = seeded_pixels("attacked");
  const auto example = [&](uint64_t number) { return attacker.pgd(pixels, 0, 2 / 255.0F, 3, number); };
  CHECK(example(1) == example(1));
  CHECK(example(1) != example(2));
}

TEST_CASE("the 8-bit form of an example is never further than epsilon in whole steps") {
  std::vector<uint8_t> rgb(kPixels);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * 7 % 256);
  const std::vector<float> pixels = levit::tools::pixels_of(rgb);
  CHECK(levit::tools::rgb_of(pixels, rgb, 0) == rgb);
  std::vector<float> changed = pixels;
  for (float& value : changed) value = std::min(1.0F, value + 2.6F / 255);
  const std::vector<uint8_t> back = levit::tools::rgb_of(changed, rgb, 2.6F / 255);
  for (size_t i = 0; i < rgb.size(); ++i) REQUIRE(back[i] == std::min(255, rgb[i] + 2));
}

TEST_CASE("levit attack prints accuracy against epsilon, saves PNGs and judges them from disk") {
  const ScratchDirectory root;
  const std::string model = write_model(root);
  fs::create_directories(root.path() / "data/class0");
  fs::create_directories(root.path() / "data/class1");
  for (const char* name : {"data/class0/a.ppm", "data/class0/b.ppm", "data/class1/a.ppm"})
    write_picture(root, name, 60, 50);
  const std::string start =
      "cd " + quoted(root.path()) + "\nexport LEVIT_MODEL=" + quoted(model) + "\n$levit attack ";
  const Outcome outcome = run(start + "data --epsilon 1/255,0.03 --steps 4 -o out --json");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  const json result = json::parse(outcome.out);
  CHECK(result["n"] == 3);
  REQUIRE(result["robust_accuracy"].size() == 2);
  for (const json& one : result["robust_accuracy"]) {
    CHECK(one["pgd"]["value"] <= result["accuracy"]["value"]);
    CHECK(one["pgd_png"]["value"].get<double>() >= 0);
  }
  for (const char* file : {"out/epsilon_1_255/class0/a.png", "out/epsilon_1_255/class0/b.png",
                           "out/epsilon_0.03/class1/a-2.png", "out/index.html"}) {
    CAPTURE(file);
    CHECK(fs::exists(root.path() / file));
  }
  const Outcome again = run(start + "data --epsilon 1/255,0.03 --steps 4 -o out --json --threads 1");
  CHECK(again.out == outcome.out);
  CHECK(run(start + "data --limit 2").out.find("2 pictures; accuracy") == 0);
  for (const char* wrong : {"0", "2", "1/0", "x", "1/255/3"}) {
    CAPTURE(wrong);
    const Outcome refused = run(start + "data --epsilon " + wrong);
    CHECK(refused.exit == 2);
    CHECK(refused.err.find("levit: --epsilon: \"" + std::string(wrong) +
                           "\" is not in (0, 1], as 0.01 or 2/255") == 0);
  }
}
TEST_CASE("pictures of an attack are not saved among the data, where the next run would read them") {
  const ScratchDirectory root;
  const std::string model = write_model(root);
  fs::create_directories(root.path() / "data/class0");
  fs::create_directories(root.path() / "data/class1");
  for (const char* name : {"data/class0/a.ppm", "data/class1/a.ppm"}) write_picture(root, name);
  fs::create_directory_symlink("data", root.path() / "link");
  const std::string start =
      "cd " + quoted(root.path()) + "\nexport LEVIT_MODEL=" + quoted(model) + "\n$levit attack ";
  for (const std::string output :
       {"data", "data/attacked", "data/class0/new/deep", "link/attacked", "./data/"}) {
    CAPTURE(output);
    const Outcome refused = run(start + "data --steps 1 -o " + output);
    CHECK(refused.exit == 1);
    CHECK(refused.out.empty());
    CHECK(refused.err ==
          "levit: " + output +
              ": lies in data, and what is written there would be read as data the next time\n");
  }
  CHECK(std::distance(fs::recursive_directory_iterator(root.path() / "data"), {}) == 4);
  CHECK(run(start + "data --steps 1 -o database").exit == 0);
}
