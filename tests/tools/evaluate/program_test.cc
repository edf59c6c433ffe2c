// `levit evaluate` from outside: what it prints, how it ends, and that parts add up to the whole.
#include "tests/support/program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/seeded.h"
#include "tools/checkpoint/writer.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using nlohmann::json;

namespace {

// A model of two classes and a data set of both: class0/ with `first` pictures, class1/odd/ with `second`.
struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);
  std::string data = root.path() / "data";

  explicit Fixture(size_t first = 5, size_t second = 4) {
    for (size_t i = 0; i < first; ++i) picture("class0/a" + std::to_string(i) + ".ppm", 20 + 30 * i);
    for (size_t i = 0; i < second; ++i) picture("class1/odd/b" + std::to_string(i) + ".ppm", 25 + 30 * i);
  }

  void picture(const std::string& name, size_t width = 20) const {
    fs::create_directories((fs::path(data) / name).parent_path());
    write_picture(root, "data/" + name, width, 70);
  }

  Outcome evaluate(const std::string& arguments) const {
    return run("cd " + quoted(root.path()) + "\nexport LEVIT_MODEL=" + quoted(model) + "\n$levit evaluate " +
               arguments);
  }
};

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("--json: metrics with their intervals, by class, folder and size, as classify sees the pictures") {
  const Fixture fixture;
  const Outcome outcome = fixture.evaluate("data --json");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  const json result = json::parse(outcome.out);
  CHECK(result["n"] == 9);
  CHECK(result["failed"] == 0);
  for (const char* name :
       {"accuracy", "balanced_accuracy", "roc_auc", "ece", "log_loss", "brier", "f1_macro"}) {
    CAPTURE(name);
    const double value = result[name]["value"], low = result[name]["low"], high = result[name]["high"];
    CHECK(low <= high);
    CHECK(value >= 0);
  }
  const std::string lines =
      run("export LEVIT_MODEL=" + quoted(fixture.model) + "\n$levit classify --json " + quoted(fixture.data))
          .out;
  std::istringstream stream(lines);
  size_t right = 0;
  for (std::string line; std::getline(stream, line);) {
    const json answer = json::parse(line);
    right += answer["path"].get<std::string>().find(answer["label"]) != std::string::npos ? 1 : 0;
  }
  CHECK(result["accuracy"]["value"].get<double>() == doctest::Approx(static_cast<double>(right) / 9));
  CHECK(result["classes"]["class0"]["n"] == 5);
  CHECK(result["confusion"][0][0].get<int>() + result["confusion"][0][1].get<int>() == 5);
  REQUIRE(result["sources"].size() == 2);
  CHECK(result["sources"][0]["source"] == "class0");
  CHECK(result["sources"][1]["source"] == "class1/odd");
  CHECK(result["sources"][1]["n"] == 4);
  size_t banded = 0;
  for (const json& band : result["sizes"]) banded += band["n"].get<size_t>();
  CHECK(banded == 9);
}

TEST_CASE("the table names every metric, class, folder and band") {
  const Fixture fixture;
  const Outcome outcome = fixture.evaluate("data");
  CHECK(outcome.exit == 0);
  for (const char* word : {"9 pictures", "accuracy", "ROC-AUC", "class0", "class1/odd", "below 64",
                           "64 to 127", "surest 80 %", "temperature"}) {
    CAPTURE(word);
    CHECK(outcome.out.find(word) != std::string::npos);
  }
}

TEST_CASE("in a terminal of 60 columns every table fits, and has all that the wide one has") {
  const Fixture fixture(8, 7);
  const std::string folder = "class0/a-folder-with-a-name-that-is-wider-than-the-whole-terminal-is";
  for (const char* name : {"1.ppm", "2.ppm"}) fixture.picture(folder + "/" + name);
  const std::string line = "data --robust --doubt --seed 1";
  const Outcome narrow =
      run("cd " + quoted(fixture.root.path()) + "\nexport levit LEVIT_MODEL=" + quoted(fixture.model) +
          "\nscript -qec \"stty cols 60; $levit evaluate " + line + " 2>/dev/null\" /dev/null | tr -d '\\r'");
  CHECK(narrow.exit == 0);
  std::istringstream lines(narrow.out);
  for (std::string text; std::getline(lines, text);) {
    CAPTURE(text);
    CHECK(text.size() <= 60);
  }
  CHECK(narrow.out.find("...") != std::string::npos);  // of the long name its end is kept
  const Outcome wide = fixture.evaluate(line);
  CHECK(wide.out.find(folder) != std::string::npos);
  std::istringstream words(wide.out);
  for (std::string word; words >> word;) {
    CAPTURE(word);
    if (word != folder) CHECK(narrow.out.find(word) != std::string::npos);
  }
}

TEST_CASE("labels from a CSV file, and labels of another name") {
  const Fixture fixture;
  fixture.root.write("labels.csv",
                     "path,label\r\ndata/class0/a0.ppm,fake\r\n\"data/class1/odd/b0.ppm\",true\r\n");
  const Outcome outcome = fixture.evaluate("--labels-csv labels.csv --map fake=class1,true=class0 --json");
  CHECK(outcome.exit == 0);
  const json result = json::parse(outcome.out);
  CHECK(result["n"] == 2);
  CHECK(result["classes"]["class1"]["n"] == 1);
  CHECK(result["sources"][0]["source"] == "data/class0");
  const Outcome below =
      fixture.evaluate("data/class0 --labels-csv <(printf 'a0.ppm,class0\\na1.ppm,class1\\n') --json");
  CHECK(json::parse(below.out)["n"] == 2);
}

TEST_CASE("--csv: a row for each picture") {
  const Fixture fixture;
  CHECK(fixture.evaluate("data --csv rows.csv").exit == 0);
  const std::string rows = file_text(fixture.root.path() / "rows.csv");
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 10);
  CHECK(rows.find(
            "path,source,label,predicted,correct,width,height,probability class0,probability class1\r\n") ==
        0);
  CHECK(rows.find("data/class1/odd/b3.ppm,class1/odd,class1,") != std::string::npos);
}

TEST_CASE("results are printed when a file of them cannot be written") {
  const Fixture fixture;
  const Outcome full = run(
      "cd " + quoted(fixture.root.path()) + "\nexport LEVIT_MODEL=" + quoted(fixture.model) +
      "\n(trap '' XFSZ; ulimit -f 0; $levit evaluate data --csv rows.csv 2>&1) | cat\nexit ${PIPESTATUS[0]}");
  CHECK(full.exit == 1);
  CHECK(full.out.find("balanced accuracy") != std::string::npos);
  CHECK(full.out.find("levit: rows.csv: File too large; nothing of it is left\n") != std::string::npos);
}

TEST_CASE("of two classes of one label --map says which, by number") {
  Fixture fixture;
  levit::tools::FoldedModel folded = seeded_fold(Seed{"micro", 3});
  folded.labels = {"class0", "crane", "crane"};
  const std::vector<uint8_t> image = levit::tools::write_levit(folded, levit::weights::Type::kFloat);
  fixture.model = fixture.root.write("m.levit", std::string(image.begin(), image.end()));
  const Outcome which = fixture.evaluate("data --map class1=crane");
  CHECK(which.exit == 1);
  CHECK(which.err ==
        "levit: data: several classes are called \"crane\"; --map \"class1\"=1 or 2 says which\n");
  for (const std::string number : {"1", "2"}) {
    const Outcome outcome = fixture.evaluate("data --json --map class1=" + number);
    CHECK(outcome.exit == 0);
    CHECK(json::parse(outcome.out)["classes"][number == "1" ? "crane" : "crane (class 2)"]["n"] == 4);
  }
  CHECK(fixture.evaluate("data --map class1=3").err.find("the model knows no label \"3\"") !=
        std::string::npos);
}

TEST_CASE("bad data gets one line that names it, and exit code 1") {
  const Fixture fixture;
  fs::create_directories(fixture.root.path() / "strange/class0");
  fs::create_directories(fixture.root.path() / "empty");
  fixture.root.write("strange/cats/x.ppm");
  fixture.root.write("strange/dogs/x.ppm");
  fixture.root.write("strange/class0/x.ppm");
  fs::create_directories(fixture.root.path() / "bare/class0");
  fixture.root.write("wrong.csv", "path,label\na.ppm\n");
  fixture.root.write("none.csv", "path,label\n");
  fixture.root.write("twice.csv", "a.ppm,class0\na.ppm,class1\n");
  const struct {
    const char *arguments, *line;
  } cases[] = {
      {"strange",
       "levit: strange: the model knows no label \"cats\", \"dogs\", only \"class0\", \"class1\" (--map "
       "FROM=TO renames a label of the data)\n"},
      {"empty", "levit: empty: no folders in it; every label needs one, as in ai/ and real/\n"},
      {"bare", "levit: bare/class0: no picture in this directory\n"},
      {"missing", "levit: missing: No such file or directory\n"},
      {"--labels-csv missing.csv", "levit: missing.csv: No such file or directory\n"},
      {"--labels-csv wrong.csv", "levit: wrong.csv, line 2: not path,label\n"},
      {"--labels-csv none.csv", "levit: none.csv: names no picture\n"},
      {"--labels-csv twice.csv", "levit: twice.csv, line 2: a.ppm again, as in line 1\n"},
  };
  for (const auto& [arguments, line] : cases) {
    CAPTURE(arguments);
    const Outcome outcome = fixture.evaluate(arguments);
    CHECK(outcome.exit == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == line);
  }
  CHECK(fixture.evaluate("data --shard 0/4 --predictions x").exit == 2);
  CHECK(fixture.evaluate("data --shard 5/4 --predictions x").exit == 2);
}

TEST_CASE("pictures that cannot be read are named and counted, and the others are evaluated") {
  const Fixture fixture;
  fixture.root.write("data/class0/broken.png", "no picture");
  const Outcome outcome = fixture.evaluate("data --json");
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find("levit: data/class0/broken.png: ") == 0);
  const json result = json::parse(outcome.out);
  CHECK(result["n"] == 9);
  CHECK(result["failed"] == 1);
}

TEST_CASE("one class only: what is defined is printed, one line says what is not, exit code 1") {
  const Fixture fixture(3, 0);
  const Outcome outcome = fixture.evaluate("data --json");
  CHECK(outcome.exit == 1);
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  CHECK(outcome.err.find("levit: one class only (class0)") == 0);
  const json result = json::parse(outcome.out);
  CHECK(result["roc_auc"]["value"].is_null());
  CHECK(result["n"] == 3);
}

TEST_CASE("four shards merged in any order, one killed and resumed, give the bytes of one run") {
  const Fixture fixture(11, 8);
  fixture.root.write("data/class1/broken.png", "no picture");
  const Outcome whole = fixture.evaluate("data --json --csv whole.csv --report whole.html");
  for (int i = 1; i <= 4; ++i) {
    const std::string number = std::to_string(i);
    fixture.evaluate("data --shard " + number + "/4 --predictions part" + number);
  }
  // As SIGKILL leaves a file: cut anywhere, in the middle of a line too.
  const fs::path part = fixture.root.path() / "part3";
  const std::string complete = file_text(part);
  for (const size_t bytes : {size_t{0}, size_t{7}, complete.find('\n') + 1, complete.size() / 2,
                             complete.size() - 1, complete.size()}) {
    CAPTURE(bytes);
    fs::resize_file(part, bytes);
    if (bytes < complete.size()) CHECK(fixture.evaluate("--merge part4 part1 part3 part2 --json").exit == 1);
    CHECK(fixture.evaluate("data --shard 3/4 --predictions part3 --resume").exit == 0);
    CHECK(file_text(part) == complete);
  }
  for (const char* order : {"part1 part2 part3 part4", "part3 part1 part4 part2"}) {
    const Outcome merged =
        fixture.evaluate("--merge " + std::string(order) + " --json --csv merged.csv --report merged.html");
    CHECK(merged.exit == whole.exit);
    CHECK(merged.out == whole.out);
    for (const char* form : {".csv", ".html"}) {
      CAPTURE(form);
      CHECK(file_text(fixture.root.path() / ("merged" + std::string(form))) ==
            file_text(fixture.root.path() / ("whole" + std::string(form))));
    }
  }
}

TEST_CASE("parts that do not belong together are refused, and no file of predictions is overwritten") {
  const Fixture fixture;
  const std::string other = write_model(fixture.root, 3);
  fixture.evaluate("data --shard 1/2 --predictions one");
  fixture.evaluate("data --shard 2/2 --predictions two");
  fixture.evaluate("data --shard 1/3 --predictions third");
  CHECK(fixture.evaluate("--merge one").err == "levit: of 2 shards these are missing: 2\n");
  CHECK(fixture.evaluate("--merge one one").err == "levit: one: shard 1 again, as in one\n");
  CHECK(fixture.evaluate("--merge one third").err == "levit: third: not of the same evaluation as one\n");
  CHECK(fixture.evaluate("--merge one nowhere").err == "levit: nowhere: No such file or directory\n");
  fixture.root.write("text", "no prediction\n");
  CHECK(fixture.evaluate("--merge text").err == "levit: text: line 1: no prediction of levit evaluate\n");
  fixture.root.write("rows.csv", "path,label\na.png,ai\n");
  CHECK(fixture.evaluate("--merge rows.csv").err ==
        "levit: rows.csv: line 1: no prediction of levit evaluate\n");
  const std::string before = file_text(fixture.root.path() / "one");
  CHECK(fixture.evaluate("data --shard 1/2 --predictions one").err ==
        "levit: one: exists; --resume goes on with it, else name another file or remove it\n");
  CHECK(fixture.evaluate("data --shard 2/2 --predictions one --resume").err ==
        "levit: one: of another evaluation, model or shard; it stays as it is\n");
  CHECK(file_text(fixture.root.path() / "one") == before);
}

TEST_CASE(
    "--report: one file with plots, confusion and mistakes, without a script, the same from merged parts") {
  const Fixture fixture;
  CHECK(fixture.evaluate("data --report whole.html").exit == 0);
  const std::string page = file_text(fixture.root.path() / "whole.html");
  for (const char* word :
       {"<!DOCTYPE html>", ">ROC</", ">Reliability</", ">Accuracy against coverage</", ">Confusion</",
        "most confident mistakes", "src=\"data:image/jpeg;base64,/9j/", "prefers-color-scheme"}) {
    CAPTURE(word);
    CHECK(page.find(word) != std::string::npos);
  }
  for (const char* word : {"<script", "http:", "https:", "src=\"/", "href="}) {
    CAPTURE(word);
    CHECK(page.find(word) == std::string::npos);
  }
  fixture.evaluate("data --shard 1/2 --predictions one");
  fixture.evaluate("data --shard 2/2 --predictions two");
  CHECK(fixture.evaluate("--merge two one --report merged.html").exit == 0);
  CHECK(file_text(fixture.root.path() / "merged.html") == page);
  const std::string other = write_model(fixture.root, 3);
  const Outcome wrong = fixture.evaluate("--merge two one --report merged.html --model " + quoted(other));
  CHECK(wrong.exit == 1);
  CHECK(wrong.err.find("not the model that made these predictions") != std::string::npos);
}

TEST_CASE("names in the report are text, whatever is in them") {
  const Fixture fixture;
  fixture.picture("class0/<b>&\"x\".ppm");
  CHECK(fixture.evaluate("data --report page.html").exit == 0);
  CHECK(file_text(fixture.root.path() / "page.html").find("<b>&\"x\"") == std::string::npos);
}

TEST_CASE(
    "--fit-temperature writes the model with the best temperature, which classify and evaluate then use") {
  const Fixture fixture(9, 0);
  // Two of three labels are what the model says, so that a best temperature exists.
  const std::string answers =
      run("export LEVIT_MODEL=" + quoted(fixture.model) + "\n$levit classify --json " + quoted(fixture.data))
          .out;
  std::istringstream stream(answers);
  std::string csv;
  size_t number = 0;
  for (std::string line; std::getline(stream, line); ++number) {
    const json answer = json::parse(line);
    const bool said_first = answer["label"] == "class0";
    csv += answer["path"].get<std::string>() + "," + (said_first != (number % 3 == 0) ? "class0" : "class1") +
           "\n";
  }
  fixture.root.write("labels.csv", csv);
  const Outcome fitted =
      fixture.evaluate("--labels-csv labels.csv --json --fit-temperature -o calibrated.levit");
  const json before = json::parse(fitted.out);
  CHECK(fitted.exit == 0);
  const json after =
      json::parse(fixture.evaluate("--labels-csv labels.csv --json --model calibrated.levit").out);
  CHECK(after["temperature"]["used"].get<double>() ==
        doctest::Approx(before["temperature"]["best"].get<double>()).epsilon(1e-6));
  CHECK(after["log_loss"]["value"].get<double>() ==
        doctest::Approx(before["temperature"]["log_loss"].get<double>()).epsilon(1e-6));
  CHECK(after["log_loss"]["value"].get<double>() <= before["log_loss"]["value"].get<double>());
  CHECK(after["accuracy"] == before["accuracy"]);
  CHECK(fixture.evaluate("data --fit-temperature").exit == 2);
}

TEST_CASE("--robust counts verdicts that flip, the same in parts, and a missing line of changes is refused") {
  const Fixture fixture;
  const Outcome whole = fixture.evaluate("data --robust --json");
  CHECK(whole.exit == 0);
  const json result = json::parse(whole.out);
  REQUIRE(result["robust"].size() == 6);
  for (const json& one : result["robust"]) {
    CHECK(one["flips"].get<size_t>() <= 9);
    CHECK(one["flipped"]["value"].get<double>() == doctest::Approx(one["flips"].get<double>() / 9));
  }
  CHECK(fixture.evaluate("data --robust").out.find("verdicts flipped") != std::string::npos);
  fixture.evaluate("data --robust --shard 1/2 --predictions one");
  fixture.evaluate("data --robust --shard 2/2 --predictions two");
  CHECK(fixture.evaluate("--merge two one --json").out == whole.out);
  fixture.evaluate("data --shard 2/2 --predictions plain");
  CHECK(fixture.evaluate("--merge plain one").exit == 1);
}

TEST_CASE("--probe asks each layer about held-out pictures, and too few of them are refused") {
  const Fixture fixture(30, 30);
  const json result = json::parse(fixture.evaluate("data --probe --json").out);
  REQUIRE(result["probe"].size() == 4);
  const char* const layers[] = {"stem", "stage0", "stage1", "stage2"};
  for (size_t i = 0; i < 4; ++i) {
    CHECK(result["probe"][i]["layer"] == layers[i]);
    CHECK(result["probe"][i]["n"].get<size_t>() + result["probe"][i]["trained"].get<size_t>() == 60);
    CHECK(result["probe"][i]["accuracy"]["value"].get<double>() <= 1);
  }
  const Fixture few(1, 1);
  CHECK(few.evaluate("data --probe").err.find("--probe: too few pictures") != std::string::npos);
}

TEST_CASE("--doubt compares detectors of mistakes with the plain probability, the same in parts") {
  const Fixture fixture(8, 7);
  const Outcome whole = fixture.evaluate("data --doubt --json");
  CHECK(whole.err.empty());
  const json doubt = json::parse(whole.out)["doubt"];
  REQUIRE(doubt["detectors"].size() == 3);  // the model knows no familiarity
  CHECK(doubt["detectors"][0]["detector"] == "plain probability");
  CHECK(doubt["detectors"][0]["gain"]["value"] == 0);
  for (const json& one : doubt["detectors"]) {
    const double value = one["accuracy_at_80"]["value"];
    CHECK(value >= 0);
    CHECK(value <= 1);
  }
  fixture.evaluate("data --doubt --shard 1/2 --predictions one");
  fixture.evaluate("data --doubt --shard 2/2 --predictions two");
  CHECK(fixture.evaluate("--merge two one --json").out == whole.out);
  fixture.evaluate("data --shard 1/2 --predictions without");
  CHECK(fixture.evaluate("--merge without two").err == "levit: two: not of the same evaluation as without\n");
  CHECK(fixture.evaluate("data --doubt").out.find("detectors of mistakes") != std::string::npos);
}

TEST_CASE(
    "--doubt in the report: a curve for each detector, and distances when the model knows familiarity") {
  const Fixture fixture(30, 30);
  REQUIRE(run("cd " + quoted(fixture.root.path()) + "\n$levit finetune data --model " +
              quoted(fixture.model) + " --familiarity-only --no-cache -o known.levit")
              .exit == 0);
  const auto page = [&](const std::string& flags) {
    CHECK(fixture.evaluate("data --report page.html " + flags).exit == 0);
    return file_text(fixture.root.path() / "page.html");
  };
  const std::string plain = page("--model known.levit"), doubt = page("--doubt"),
                    distances = page("--doubt --model known.levit");
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(!has(plain, "Doubt: which number finds the mistakes"));
  for (const char* part : {"Doubt: which number finds the mistakes", ">Accuracy of what is doubted least</",
                           ">spread of the views</", "beats the probability"}) {
    CAPTURE(part);
    CHECK(has(doubt, part));
    CHECK(has(distances, part));
  }
  for (const char* part : {">familiarity</", ">Distance from the training pictures</", "; distance "}) {
    CAPTURE(part);
    CHECK(!has(doubt, part));
    CHECK(has(distances, part));
  }
}

TEST_CASE("--equalise evaluates what finetune --equalise learns from") {
  const Fixture fixture;
  const auto colours = [&](const std::string& flags) {
    fs::remove(fixture.root.path() / "p");
    fixture.evaluate("data --predictions p " + flags);
    std::istringstream lines(file_text(fixture.root.path() / "p"));
    std::string header, first;
    std::getline(lines, header);
    std::getline(lines, first);
    return json::parse(first)["logits"];
  };
  CHECK(colours("") != colours("--equalise"));
}

TEST_CASE("killed by SIGKILL at ten moments and resumed, an evaluation ends with the bytes of one run") {
  const Fixture fixture(40, 40);
  const Outcome whole = fixture.evaluate("data --predictions whole --json");
  const Outcome killed = fixture.evaluate(
      "data --predictions part --resume --json >/dev/null & pid=$!\n"
      "for i in $(seq 10); do\n"
      "  sleep 0.0$((RANDOM % 9))\n  kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null\n"
      "  $levit evaluate data --predictions part --resume --json >/dev/null & pid=$!\ndone\n"
      "kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null\n"
      "$levit evaluate data --predictions part --resume --json");
  CHECK(killed.out == whole.out);
  CHECK(file_text(fixture.root.path() / "part") == file_text(fixture.root.path() / "whole"));
}
