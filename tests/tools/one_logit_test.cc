// A model of one logit, and one without classifier, in every command.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/program.h"
#include "tests/support/seeded.h"
#include "tools/checkpoint/writer.h"
#include "tools/common/npy.h"

using namespace levit::tests;
using nlohmann::json;

namespace {

struct Fixture {
  ScratchDirectory root;
  std::string picture = write_picture(root, "x.ppm");

  std::string write(const levit::tools::FoldedModel& model) const {
    const std::vector<uint8_t> image = levit::tools::write_levit(model, levit::weights::Type::kFloat);
    return root.write("m.levit", std::string(image.begin(), image.end()));
  }

  // Labels "real" and "ai": the logit is for "ai".
  std::string one_logit() const {
    levit::tools::FoldedModel model = seeded_fold(Seed{"micro", 1});
    model.labels = {"real", "ai"};
    return write(model);
  }

  std::string no_head() const {
    levit::tools::FoldedModel model = seeded_fold(Seed{"micro", 1});
    std::fill(model.layers.back().weight.begin(), model.layers.back().weight.end(), 0.0);
    model.layers.back().bias = {0};
    model.one_logit = false;
    model.no_head = true;
    model.labels.clear();
    model.note = "a base\n\tof two lines";
    return write(model);
  }

  Outcome levit(const std::string& command, const std::string& model, const std::string& more = "") const {
    return run("$levit " + command + " --model " + quoted(model) + " " + more + " " + quoted(picture));
  }
};

std::vector<float> raw_values(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".npy") continue;
    const levit::tools::NpyFile file(entry.path());
    std::vector<float> values(file.count());
    file.read(0, values.size(), values.data());
    return values;
  }
  return {};
}

}  // namespace

TEST_CASE("bench --train says why a model of one logit is not trained as it is") {
  const Fixture fixture;
  const Outcome refused = run("$levit bench --train --seconds 0 --model " + quoted(fixture.one_logit()));
  CHECK(refused.exit == 1);
  CHECK(refused.err.find("m.levit: a model of one logit; a training step needs two classes\n") !=
        std::string::npos);
}

TEST_CASE("classify gives one logit two labels by its sigmoid") {
  const Fixture fixture;
  const std::string model = fixture.one_logit();
  const json line = json::parse(fixture.levit("classify", model, "--json").out);
  REQUIRE(line["logits"].size() == 1);
  const double sigmoid = 1 / (1 + std::exp(-line["logits"][0].get<double>()));
  CHECK(line["probabilities"]["ai"].get<double>() == doctest::Approx(sigmoid).epsilon(1e-5));
  CHECK(line["probabilities"]["real"].get<double>() == doctest::Approx(1 - sigmoid).epsilon(1e-5));
  CHECK(line["label"] == (sigmoid > 0.5 ? "ai" : "real"));
  const std::string csv = fixture.levit("classify", model, "--csv").out;
  CHECK(csv.find("probability ai,logit ai\r\n") != std::string::npos);  // the logit of JSON, and no other
  CHECK(csv.find("," + line["logits"][0].dump() + "\r\n") != std::string::npos);
  const std::string row = csv.substr(csv.find('\n') + 1), header = csv.substr(0, csv.find('\n'));
  CHECK(std::count(row.begin(), row.end(), ',') == std::count(header.begin(), header.end(), ','));
}

TEST_CASE("explain speaks for a label: what the logit is for, and minus that for the other") {
  const Fixture fixture;
  const std::string model = fixture.one_logit(), out = fixture.root.path() / "out";
  std::vector<float> values[2];
  for (const int side : {0, 1}) {
    const std::string folder = out + std::to_string(side);
    const Outcome outcome = fixture.levit(
        "explain", model,
        "--method gradient --raw --class " + std::string(side == 0 ? "real" : "1") + " -o " + quoted(folder));
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit == 0);
    values[side] = raw_values(folder);
  }
  REQUIRE(values[0].size() == kPixels);
  REQUIRE(values[1].size() == kPixels);
  size_t different = 0;
  for (size_t i = 0; i < kPixels; ++i) different += values[0][i] != -values[1][i] ? 1 : 0;
  CHECK(different == 0);
}

TEST_CASE("faithfulness and info know one logit") {
  const Fixture fixture;
  const std::string model = fixture.one_logit();
  const Outcome outcome =
      fixture.levit("explain", model, "--faithfulness --method gradcam --random-maps 1 --json");
  CAPTURE(outcome.err);
  CHECK(outcome.exit == 0);
  const json info = json::parse(run("$levit info --json " + quoted(model)).out);
  CHECK(info["head"] == "sigmoid of one logit");
  CHECK(info["labels"] == json({"real", "ai"}));
}

TEST_CASE("evaluate judges one logit as classify does") {
  const Fixture fixture;
  const std::string model = fixture.one_logit();
  std::filesystem::create_directories(fixture.root.path() / "data/ai");
  std::filesystem::create_directories(fixture.root.path() / "data/real");
  for (const std::string name : {"data/ai/a.ppm", "data/ai/b.ppm", "data/real/c.ppm"})
    write_picture(fixture.root, name, 30 + 10 * (name[9] % 3), 40);
  const std::string start = "cd " + quoted(fixture.root.path()) + "\n";
  const json result =
      json::parse(run(start + "$levit evaluate --json --csv rows.csv data --model " + quoted(model)).out);
  CHECK(result["labels"] == json({"real", "ai"}));
  CHECK(result["n"] == 3);
  std::istringstream lines(run(start + "$levit classify --json data --model " + quoted(model)).out);
  size_t right = 0;
  for (std::string line; std::getline(lines, line);) {
    const json verdict = json::parse(line);
    right += verdict["path"].get<std::string>().find("/" + verdict["label"].get<std::string>() + "/") !=
             std::string::npos;
  }
  CHECK(result["accuracy"]["value"].get<double>() == doctest::Approx(static_cast<double>(right) / 3));
}

TEST_CASE("without classifier nothing is classified, in one line") {
  const Fixture fixture;
  const std::string model = fixture.no_head();
  const std::string out = fixture.root.path() / "out";
  for (const std::string command : {"classify", "explain"}) {
    const Outcome outcome = fixture.levit(command, model, command == "explain" ? "-o " + quoted(out) : "");
    CAPTURE(outcome.err);
    CHECK(outcome.exit == 1);
    CHECK(outcome.out.empty());
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK(outcome.err.find("m.levit: it has no classifier; levit finetune DATA --model ") !=
          std::string::npos);
  }
  const json info = json::parse(run("$levit info --json " + quoted(model)).out);
  CHECK(info["classes"] == 0);
  CHECK(info["labels"].empty());
  const std::string table = run("$levit info " + quoted(model)).out;
  CHECK(table.find("\nnote                     a base\n" + std::string(25, ' ') + " of two lines\n") !=
        std::string::npos);
  CHECK(run("$levit bench --seconds 0 --model " + quoted(model)).exit == 0);
  CHECK(run("$levit bench --seconds 0 --gradient --model " + quoted(model)).err ==
        "levit: " + model + ": " + levit_status_text(LEVIT_NO_HEAD) + "\n");
}
