// `levit explain` from outside: files, numbers, errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/program.h"
#include "tools/common/npy.h"
#include "tools/picture/picture.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using nlohmann::json;

namespace {

// A model and two pictures of the same name in a directory of each class.
struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);
  std::string pictures = root.path() / "pictures";
  fs::path out = root.path() / "out";

  Fixture() {
    fs::create_directories(pictures + "/a");
    fs::create_directories(pictures + "/b");
    write_picture(root, "pictures/a/x.ppm", 40, 30);
    write_picture(root, "pictures/b/x.ppm", 30, 40);
  }

  Outcome explain(const std::string& arguments) const {
    return exactly("--samples 3 --steps 3 -o " + quoted(out) + " " + arguments);
  }
  Outcome exactly(const std::string& arguments) const {
    return run("export LEVIT_MODEL=" + quoted(model) + "\n$levit explain " + arguments);
  }

  std::string first() const { return quoted(pictures + "/a/x.ppm"); }
};

std::vector<json> objects(const std::string& lines) {
  std::vector<json> all;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) all.push_back(json::parse(line));
  return all;
}

// One line on standard error that holds every word.
void check_refused(const Outcome& outcome, const std::vector<std::string>& words, int exit = 1) {
  CHECK(outcome.exit == exit);
  CHECK(outcome.out.empty());
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  for (const std::string& word : words) {
    CAPTURE(word);
    CAPTURE(outcome.err);
    CHECK(outcome.err.find(word) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("explain: a directory gives sheets, maps as large as the pictures, thumbnails and a page") {
  const Fixture f;
  const Outcome outcome = f.explain(quoted(f.pictures));
  CHECK(outcome.exit == 0);
  for (const std::string name : {"x", "x-2"}) {
    CHECK(levit::tools::load_picture(f.out / (name + "_sheet.png")).width > 1000);
    CHECK(fs::exists(f.out / "thumbnails" / (name + ".jpg")));
    const auto map = levit::tools::load_picture(f.out / (name + "_gradcam_stage1.png"));
    CHECK(map.width == (name == "x" ? 40 : 30));
    CHECK(map.height == (name == "x" ? 30 : 40));
    CHECK(fs::exists(f.out / (name + "_shap.png")));
  }
  CHECK(fs::file_size(f.out / "index.html") > 1000);
  CHECK(outcome.err.find("2 sheets") != std::string::npos);
}

TEST_CASE("explain --json: numbers that fit together, the same for any number of threads") {
  const Fixture f;
  const Outcome outcome = f.explain("--json --quiet --method gradcam,shap,ig " + quoted(f.pictures));
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  const std::vector<json> lines = objects(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["sheet"] == "x_sheet.png");
  CHECK(lines[1]["sheet"] == "x-2_sheet.png");
  for (const json& line : lines) {
    CHECK(line["class"] == line["label"]);
    REQUIRE(line["explanations"].size() == 3);
    for (size_t i = 1; i < 3; ++i) {
      const json& numbers = line["explanations"][i];
      const double left =
          numbers["base_value"].get<double>() + numbers["sum"].get<double>() + numbers["gap"].get<double>();
      CHECK(left == doctest::Approx(numbers["score"].get<double>()));
    }
  }
  CHECK(f.explain("--json --quiet --method gradcam,shap,ig --threads 1 " + quoted(f.pictures)).out ==
        outcome.out);
  const std::string alone = f.explain("--json --quiet --method gradcam,shap,ig --threads 2 " + f.first()).out;
  CHECK(outcome.out.substr(0, alone.size()) == alone);
}

TEST_CASE("explain --raw: one map per layer and the attribution, float32") {
  const Fixture f;
  CHECK(f.explain("--raw --method layercam,gradient --layer stem,stage1,stage2 " + f.first()).exit == 0);
  using levit::tools::NpyFile;
  CHECK(NpyFile(f.out / "x_layercam_stem.npy").shape() == std::vector<size_t>{14, 14});
  CHECK(NpyFile(f.out / "x_layercam_stage1.npy").shape() == std::vector<size_t>{7, 7});
  CHECK(NpyFile(f.out / "x_layercam_stage2.npy").shape() == std::vector<size_t>{4, 4});
  CHECK(NpyFile(f.out / "x_gradient.npy").shape() == std::vector<size_t>{3, 224, 224});
  CHECK(fs::exists(f.out / "x_layercam_stem+stage1+stage2.png"));
}

TEST_CASE("explain: tensors of an .npy file are explained one by one") {
  const Fixture f;
  const std::vector<float> tensors(2 * 3 * 224 * 224, 0.25F);
  const std::string path = f.root.path() / "batch.npy";
  levit::tools::write_npy(path, {2, 3, 224, 224}, tensors.data());
  const Outcome outcome = f.explain("--json --method gradcam " + quoted(path));
  CHECK(outcome.exit == 0);
  const std::vector<json> lines = objects(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1]["index"] == 1);
  CHECK(lines[1]["sheet"] == "batch_1_sheet.png");
  CHECK(lines[0]["logits"] == lines[1]["logits"]);
}

TEST_CASE("explain: a bad picture does not stop the others") {
  const Fixture f;
  f.root.write("pictures/a/broken.png", "no picture");
  const Outcome outcome = f.explain("--method gradcam --quiet " + quoted(f.pictures));
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find("levit: " + f.pictures + "/a/broken.png: not a picture") == 0);
  CHECK(fs::exists(f.out / "x_sheet.png"));
  CHECK(fs::exists(f.out / "x-2_sheet.png"));
}

TEST_CASE("explain: Ctrl-C stops in the middle of a picture with one line and leaves nothing behind") {
  const Fixture f;
  const Outcome outcome =
      run("export LEVIT_MODEL=" + quoted(f.model) + "\n$levit explain --method shap --samples 100000000 -o " +
          quoted(f.out) + " " + quoted(f.pictures) + " &\nwhile [ ! -d " + quoted(f.out / "thumbnails") +
          " ]; do sleep 0.01; done\nkill -INT $!\nwait $!");
  CHECK(outcome.exit == 130);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "levit: stopped; 2 inputs are left\n");
  CHECK(!fs::exists(f.out));
}

TEST_CASE("explain: a closed pipe ends the program by SIGPIPE, silently") {
  const Fixture f;
  const Outcome outcome =
      run("export LEVIT_MODEL=" + quoted(f.model) + "\n(sleep 0.2; exec $levit explain --method gradcam -o " +
          quoted(f.out) + " " + quoted(f.pictures) + ") | true\nexit ${PIPESTATUS[0]}");
  CHECK(outcome.exit == 141);
  CHECK(outcome.err.empty());
}

TEST_CASE("explain --class: an unknown class is answered with those that exist") {
  const Fixture f;
  const json line = objects(f.explain("--json --quiet --method gradcam " + f.first()).out).at(0);
  const std::string label = line["label"];
  const json& labels = line["probabilities"];
  const std::string other =
      labels.begin().key() == label ? std::next(labels.begin()).key() : labels.begin().key();
  const json asked =
      objects(f.explain("--json --quiet --method gradcam --class " + quoted(other) + " " + f.first()).out)
          .at(0);
  CHECK(asked["label"] == label);
  CHECK(asked["class"] == other);
  check_refused(f.explain("--class cat " + f.first()), {"cat", label, other}, 2);
}

TEST_CASE("explain says of every smoothing that it was there") {
  const Fixture f;
  const json numbers =
      objects(f.explain("--json --quiet --aug-smooth --eigen-smooth --local-smoothing 0.1 --method "
                        "grad_cam,GradientExplainer --class 1 " +
                        f.first())
                  .out)
          .at(0);
  CHECK(numbers["class"] == "class1");
  CHECK(numbers["explanations"][0]["method"] == "gradcam");
  CHECK(numbers["explanations"][0]["aug_smooth"] == true);
  CHECK(numbers["explanations"][0]["eigen_smooth"] == true);
  CHECK(numbers["explanations"][1]["local_smoothing"] == 0.1);
}

TEST_CASE("explain refuses what cannot work in one line, before any work") {
  const Fixture f;
  const std::string file = f.root.write("file", "text"), empty = f.root.path() / "empty";
  fs::create_directory(empty);
  check_refused(f.explain("--method guess " + f.first()), {"guess", "gradcam", "shap"}, 2);
  check_refused(f.explain("--layer stage7 " + f.first()), {"stage7", "stem", "stage2"}, 2);
  check_refused(f.exactly("--samples 0 " + f.first()), {"--samples"}, 2);
  check_refused(f.exactly("--steps 0 " + f.first()), {"--steps"}, 2);
  for (const char* negative : {"--samples -5 ", "--steps -1 ", "--seed -1 "}) {
    CAPTURE(negative);
    CHECK(f.exactly(negative + f.first()).exit == 2);  // not the largest number of the type
  }
  check_refused(f.explain("--background " + quoted(empty) + " " + f.first()), {empty, "background"});
  check_refused(f.explain("--background " + quoted(file) + " " + f.first()), {file, "background"});
  check_refused(f.exactly("-o " + quoted(file) + " " + f.first()), {file});
  check_refused(f.exactly("-o /proc/none " + f.first()), {"/proc/none"});
}

TEST_CASE("explain --background: pictures of a directory, counted") {
  const Fixture f;
  const json line =
      objects(
          f.explain("--json --quiet --method shap --background " + quoted(f.pictures) + " " + f.first()).out)
          .at(0);
  const json& shap = line["explanations"][0];
  CHECK(shap["background"] == "2 pictures of " + f.pictures);
  CHECK(shap["seed"] == 0);
}

TEST_CASE("explain --faithfulness: a table, a plot, and JSON in which gains are differences of areas") {
  const Fixture f;
  const Outcome table =
      f.explain("--faithfulness --random-maps 2 --method gradcam,shap " + quoted(f.pictures));
  CHECK(table.exit == 0);
  CHECK(table.out.find("gradcam stage1") != std::string::npos);
  CHECK(table.out.find("Sobel") != std::string::npos);
  CHECK(levit::tools::load_picture(f.out / "faithfulness.png").width > 800);

  const Outcome outcome =
      f.explain("--faithfulness --random-maps 2 --method gradcam,shap --json " + quoted(f.pictures));
  const json result = objects(outcome.out).at(0);
  CHECK(result["pictures"] == 2);
  const auto mean = [](const json& interval) { return interval["mean"].get<double>(); };
  for (const json& method : result["maps"]) {
    const json &deletion = method["deletion"], &insertion = method["insertion"];
    CHECK(mean(deletion["gain"]) ==
          doctest::Approx(mean(result["random"]["deletion"]["area"]) - mean(deletion["area"])));
    CHECK(mean(insertion["gain"]) ==
          doctest::Approx(mean(insertion["area"]) - mean(result["random"]["insertion"]["area"])));
    // Deletion ends where insertion begins, and the other way round.
    CHECK(deletion["curve"].front() == insertion["curve"].back());
    CHECK(deletion["curve"].back() == insertion["curve"].front());
  }
}

TEST_CASE("explain: what fails is counted, and a run that writes nothing leaves no folder") {
  const Fixture fixture;
  fixture.root.write("pictures/a/broken.jpg", "no picture");
  const Outcome some = fixture.explain("--method classmap " + quoted(fixture.pictures));
  CHECK(some.exit == 1);
  CHECK(some.err.find("2 sheets in ") != std::string::npos);
  CHECK(some.err.find("; 1 of 3 inputs failed\n") != std::string::npos);
  fs::remove_all(fixture.out);
  const Outcome none = fixture.explain(quoted(fixture.pictures + "/a/broken.jpg"));
  CHECK(none.exit == 1);
  CHECK(!fs::exists(fixture.out));
}
