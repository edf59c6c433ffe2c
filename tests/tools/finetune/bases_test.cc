// Bases of `levit finetune` as they come: a checkpoint of timm, and a network of the published size.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/npy.h"
#include "tests/support/program.h"
#include "tests/support/seeded.h"
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/finetune/data.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {

TEST_CASE("a packed checkpoint of timm and a levit_128s of 1000 classes are bases: both learn new labels") {
  const ScratchDirectory d;
  const std::string classes[] = {"dark", "grey", "light"};
  for (size_t i = 0; i < 36; ++i) {
    const std::string name = "data/" + classes[i % 3] + "/" + std::to_string(i) + ".ppm";
    std::string file = "P6 16 12 255\n";
    for (const double value : uniform(name, size_t{3} * 16 * 12))
      file += static_cast<char>(static_cast<int>(static_cast<double>(60 + 70 * (i % 3)) + 40 * value));
    d.write(name, file);
  }
  Seed seed;
  seed.classes = 1000;
  const std::vector<uint8_t> image = tools::write_levit(seeded_fold(seed), weights::Type::kHalf);
  d.write("1000.levit", {image.begin(), image.end()});
  const auto in = [&d](const std::string& line) { return run("cd " + quoted(d.path()) + "\n" + line); };
  REQUIRE(
      in(LEVIT_PACK_WEIGHTS " " + quoted(checkpoint_path("tiny/timm.safetensors")) + " -o timm.levit").exit ==
      0);
  for (const std::string base : {"timm", "1000"}) {
    CAPTURE(base);
    const auto learned = [&](const char* epochs) {
      const Outcome made = in("$levit finetune data -o " + base + ".out --model " + base +
                              ".levit --val 0 --rate 0.01 --json --epochs " + epochs);
      CHECK(made.err == "");
      REQUIRE(made.exit == 0);
      return nlohmann::json::parse(made.out);
    };
    const double first = learned("1")["loss"];
    const auto report = learned("40");
    CHECK(report["labels"] == nlohmann::json({"dark", "grey", "light"}));
    CHECK(report["loss"].get<double>() < first / 2);
    const auto info = nlohmann::json::parse(in("$levit info --json " + base + ".out").out);
    CHECK(info["labels"] == report["labels"]);
    const Outcome said = in("$levit classify --json --model " + base + ".out data");
    CHECK(said.exit == 0);
    std::istringstream lines(said.out);
    size_t right = 0, all = 0;
    for (std::string line; std::getline(lines, line); ++all) {
      const auto verdict = nlohmann::json::parse(line);
      right += names(verdict["path"], "/" + verdict["label"].get<std::string>() + "/") ? 1 : 0;
    }
    CHECK(all == 36);
    CHECK(right >= 33);
  }
}

TEST_CASE("--train goes on from the head of one logit, and says what another head begins with") {
  const ScratchDirectory d;
  write_data(d, "data", 12);
  tools::FoldedModel model = seeded_fold(Seed{"micro", 1});
  model.labels = {"dark", "light"};  // the logit is for "light"
  const auto write = [&](const std::string& name) {
    const std::vector<uint8_t> image = tools::write_levit(model, weights::Type::kHalf);
    d.write(name, {image.begin(), image.end()});
  };
  write("logit.levit");
  model.labels = {"cat", "dog"};
  write("others.levit");
  model.layers.back().weight.assign(model.layers.back().weight.size(), 0.0);
  model.layers.back().bias = {0};
  model.one_logit = false;
  model.no_head = true;
  model.labels.clear();
  write("none.levit");
  const auto in = [&d](const std::string& line) { return run("cd " + quoted(d.path()) + "\n" + line); };
  const auto trained = [&](const std::string& base) {
    const Outcome made =
        in("$levit finetune data -o out.levit --train head --epochs 1 --rate 1e-9 --weight-decay 0 --model " +
           base);
    CHECK(made.exit == 0);
    return made.err;
  };
  CHECK(names(trained("none.levit"), "none.levit has no classifier; its head begins with zeros"));
  CHECK(names(trained("others.levit"), "others.levit has other classes than the data"));
  CHECK(names(trained("logit.levit"), "logit.levit has one logit; its head becomes one of two classes"));
  const auto light = [&](const std::string& file) {
    const Outcome said = in("$levit classify --json --model " + file + " data/light/3.ppm");
    return nlohmann::json::parse(said.out)["probabilities"]["light"].get<double>();
  };
  CHECK(light("out.levit") == doctest::Approx(light("logit.levit")).epsilon(1e-5));
}

}  // namespace levit::tests
