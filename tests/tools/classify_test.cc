// `levit classify` from outside: what it prints, where, and how it ends.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/npy.h"
#include "tests/support/program.h"
#include "tools/common/npy.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using nlohmann::json;

namespace {

// A model and a few pictures in a directory.
struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);
  std::string pictures = root.path() / "pictures";

  explicit Fixture(size_t count = 0) {
    fs::create_directory(pictures);
    for (size_t i = 0; i < count; ++i) picture("p" + std::to_string(100 + i) + ".ppm");
  }

  std::string picture(const std::string& name) const { return write_picture(root, "pictures/" + name); }

  Outcome classify(const std::string& arguments) const {
    return run("export LEVIT_MODEL=" + quoted(model) + "\n$levit classify " + arguments);
  }
};

std::vector<json> objects(const std::string& lines) {
  std::vector<json> all;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) all.push_back(json::parse(line));
  return all;
}

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

// Rows of fields (RFC 4180).
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside && c == '"' && text.compare(i + 1, 1, "\"") == 0) {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && c == ',') {
      rows.back().emplace_back();
    } else if (!inside && text.compare(i, 2, "\r\n") == 0) {
      rows.push_back({""});
      ++i;
    } else {
      rows.back().back() += c;
    }
  }
  rows.pop_back();
  return rows;
}

}  // namespace

TEST_CASE("--json: one object per picture, with every field") {
  const Fixture fixture(2);
  const Outcome outcome = fixture.classify("--json " + fixture.pictures);
  CHECK(outcome.exit == 0);
  const auto answers = objects(outcome.out);
  REQUIRE(answers.size() == 2);
  for (const json& answer : answers) {
    CHECK(answer["width"] == 20);
    CHECK(answer["height"] == 10);
    REQUIRE(answer["logits"].size() == 2);
    const double difference = answer["logits"][1].get<double>() - answer["logits"][0].get<double>();
    const double first = answer["probabilities"]["class0"], second = answer["probabilities"]["class1"];
    CHECK(first == doctest::Approx(1 / (1 + std::exp(difference))).epsilon(1e-5));
    CHECK(first + second == doctest::Approx(1).epsilon(1e-6));
    CHECK(answer["label"] == (first >= second ? "class0" : "class1"));
    CHECK(answer["probability"] == std::max(first, second));
    CHECK(answer["unsure"] == (first >= 0.35 && first <= 0.65));
    CHECK_FALSE(answer.contains("path_bytes"));
  }
  CHECK(answers[0]["path"] == fixture.pictures + "/p100.ppm");
  CHECK(answers[1]["path"] == fixture.pictures + "/p101.ppm");
}

TEST_CASE("an .npy tensor goes straight into the network, one line per picture") {
  const Fixture fixture;
  const std::vector<double> values = uniform("tensor", size_t{2} * 3 * 224 * 224);
  const auto write = [&](const std::string& name, const std::string& shape, size_t first, size_t size) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
    header.resize(117, ' ');
    std::string file = std::string("\x93NUMPY\x01\x00", 8) + '\x76' + '\0' + header + '\n';
    for (size_t i = first; i < first + size; ++i) {
      const auto value = static_cast<float>(values[i]);
      file.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    return fixture.root.write(name, file);
  };
  constexpr size_t kPicture = size_t{3} * 224 * 224;
  const std::string both = write("both.npy", "2, 3, 224, 224", 0, 2 * kPicture);
  const std::string second = write("second.npy", "3, 224, 224", kPicture, kPicture);
  const Outcome outcome = fixture.classify("--json " + both + " " + second);
  CHECK(outcome.exit == 0);
  const auto answers = objects(outcome.out);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0]["index"] == 0);
  CHECK(answers[1]["index"] == 1);
  CHECK_FALSE(answers[2].contains("index"));
  CHECK(answers[1]["logits"] == answers[2]["logits"]);
  CHECK(answers[0]["logits"] != answers[1]["logits"]);

  const std::string wrong = write("wrong.npy", "3, 224, 112", 0, kPicture / 2);
  const Outcome refused = fixture.classify("--json " + wrong);
  CHECK(refused.exit == 1);
  CHECK(objects(refused.out).at(0)["error"] == "not of shape [3,224,224] or [B,3,224,224]");
}

TEST_CASE("an .npy file without a tensor is refused by every command, not passed over in silence") {
  const Fixture fixture;
  const std::string none = fixture.root.path() / "none.npy";
  levit::tools::write_npy(none, {0, 3, 224, 224}, nullptr);
  const std::string cause = "holds no tensor (its shape is [0,3,224,224])";
  const Outcome classified = fixture.classify("--json " + none);
  CHECK(classified.exit == 1);
  CHECK(objects(classified.out).at(0)["error"] == cause);
  CHECK(classified.err == "levit: " + none + ": " + cause + "\n");
  const std::string out = quoted(fixture.root.path() / "explained");
  const Outcome explained =
      run("$levit explain --json --model " + quoted(fixture.model) + " -o " + out + " " + none);
  CHECK(explained.exit == 1);
  CHECK(explained.out == classified.out);
  CHECK(explained.err == classified.err);
}

TEST_CASE("--csv: a header and rows of equal length, whatever the names") {
  const Fixture fixture;
  const std::string odd = fixture.picture("a, \"b\"\nc.ppm");
  fixture.picture("plain.ppm");
  const Outcome outcome = fixture.classify("--csv " + fixture.pictures + " missing.png");
  CHECK(outcome.exit == 1);
  const auto rows = csv_rows(outcome.out);
  REQUIRE(rows.size() == 4);
  for (const auto& row : rows) CHECK(row.size() == 14);
  CHECK(rows[0][0] == "path");
  CHECK(rows[0][10] == "probability class0");
  CHECK(rows[1][0] == odd);
  CHECK(rows[3][0] == "missing.png");
  CHECK(rows[3][7] == "No such file or directory");
}

TEST_CASE("a bad file among good ones: the others are answered, the exit code is 1, one line names it") {
  const Fixture fixture(2);
  const std::string broken = fixture.root.write("pictures/p1005.ppm", "P6 20 10 255\n");
  const std::string text = fixture.root.write("text.jpg", "no picture at all");
  const std::string nothing = fixture.root.write("nothing.png");
  const Outcome outcome = fixture.classify("--json " + fixture.pictures + " " + text + " " + nothing);
  CHECK(outcome.exit == 1);
  const auto answers = objects(outcome.out);
  REQUIRE(answers.size() == 5);
  for (const auto& path : {broken, text, nothing}) {
    const auto named = [&path](const json& answer) { return answer["path"] == path; };
    const auto answer = std::find_if(answers.begin(), answers.end(), named);
    REQUIRE(answer != answers.end());
    CHECK(answer->at("error").get<std::string>().size() > 4);
    CHECK(count(outcome.err, "levit: " + path + ": ") == 1);
  }
  CHECK(outcome.err.find("5 pictures in ") != std::string::npos);
  CHECK(outcome.err.find("3 failed") != std::string::npos);
}

TEST_CASE("a table without a row has no header either, while CSV and JSON have a row for each failure") {
  const Fixture f;
  const std::string bad = quoted(f.root.write("bad.png", "no picture"));
  const Outcome table = f.classify(bad + " " + bad + "x");
  CHECK(table.exit == 1);
  CHECK(table.out.empty());
  CHECK(csv_rows(f.classify("--csv " + bad).out).size() == 2);
  CHECK(objects(f.classify("--json " + bad).out).size() == 1);
}

TEST_CASE("wrong paths and empty directories are named, and nothing is on standard output") {
  const Fixture fixture;
  const Outcome outcome = fixture.classify("--quiet " + fixture.pictures + " /no/such/picture.jpg");
  CHECK(outcome.exit == 1);
  CHECK(outcome.err == "levit: " + fixture.pictures + ": no picture in this directory\n" +
                           "levit: /no/such/picture.jpg: No such file or directory\n");
  CHECK(outcome.out.find('\n') == outcome.out.size() - 1);  // the table's header alone
}

TEST_CASE("the answers are the same bytes for any number of threads and any batch") {
  const Fixture fixture(7);
  const std::string one = fixture.classify("--json --threads 1 " + fixture.pictures).out;
  CHECK(count(one, "\n") == 7);
  for (const char* flags :
       {"--threads 2", "--threads 3 --batch 2", "--batch 4", "--threads 2 --batch 7", "--batch 100"}) {
    CAPTURE(flags);
    CHECK(fixture.classify("--json " + std::string(flags) + " " + fixture.pictures).out == one);
  }
}

TEST_CASE("a path named twice is answered once, and the summary says so") {
  const Fixture fixture(2);
  const Outcome outcome = fixture.classify(fixture.pictures + " " + fixture.pictures + "/p100.ppm");
  CHECK(outcome.exit == 0);
  CHECK(count(outcome.out, "p100.ppm") == 1);
  CHECK(outcome.err.find("1 named twice") != std::string::npos);
}

TEST_CASE("names that are not UTF-8 give valid JSON with the bytes in percent form, and raw CSV") {
  const Fixture fixture;
  fixture.picture("caf\xe9 1.ppm");
  const auto answers = objects(fixture.classify("--json " + fixture.pictures).out);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0]["path"] == fixture.pictures + "/caf\xef\xbf\xbd 1.ppm");
  CHECK(answers[0]["path_bytes"].get<std::string>().find("/caf%E9%201.ppm") != std::string::npos);
  CHECK(fixture.classify("--csv " + fixture.pictures).out.find("/caf\xe9 1.ppm,") != std::string::npos);
  CHECK(fixture.classify(fixture.pictures).out.find("/caf\\xE9 1.ppm\n") != std::string::npos);
}

TEST_CASE("a closed pipe ends the program by SIGPIPE, silently") {
  const Fixture fixture(3);
  const Outcome outcome = fixture.classify("--help >/dev/null\n(sleep 0.2; $levit classify --json " +
                                           fixture.pictures + ") | true\nexit ${PIPESTATUS[0]}");
  CHECK(outcome.exit == 141);
  CHECK(outcome.err.empty());
}

TEST_CASE("a full disk is an error") {
  const Fixture fixture(3);
  const Outcome outcome = fixture.classify(fixture.pictures + " >/dev/full");
  CHECK(outcome.exit == 1);
  CHECK(outcome.err == "levit: the results cannot be written: No space left on device\n");
}

TEST_CASE("Ctrl-C finishes what has begun, prints the summary and exits with 130") {
  const Fixture fixture;
  const std::string picture = fixture.picture("p.ppm");
  for (int i = 0; i < 20000; ++i)
    fs::create_symlink(picture, fixture.root.path() / ("p" + std::to_string(i) + ".ppm"));
  const std::string out = quoted(fixture.model + ".out");
  const Outcome outcome = fixture.classify("--json " + quoted(fixture.root.path()) + " >" + out +
                                           " &\nwhile [ ! -s " + out + " ]; do sleep 0.01; done\n" +
                                           "kill -INT $!; wait $!; code=$?; cat " + out + "; exit $code");
  CHECK(outcome.exit == 130);
  const auto answers = objects(outcome.out);
  CHECK(answers.size() < 20000);
  CHECK(outcome.err.find(std::to_string(answers.size()) + " pictures in ") != std::string::npos);
  CHECK(outcome.err.find(std::to_string(20001 - answers.size()) + " inputs are left") != std::string::npos);
}

TEST_CASE("lists come from files and from standard input") {
  const Fixture fixture(2);
  const std::string list =
      fixture.root.write("list", fixture.pictures + "/p101.ppm\n" + fixture.pictures + "/p100.ppm\n");
  const std::string from_file = fixture.classify("--json @" + list).out;
  CHECK(objects(from_file).at(0)["path"] == fixture.pictures + "/p101.ppm");
  CHECK(fixture.classify("--json - <" + list).out == from_file);
  CHECK(fixture.classify("--json -0 - < <(tr '\\n' '\\0' <" + list + ")").out == from_file);
}

TEST_CASE("--unsure sets the band, and refuses what is none") {
  const Fixture fixture(1);
  CHECK(objects(fixture.classify("--json --unsure 0..1 " + fixture.pictures).out).at(0)["unsure"] == true);
  CHECK(objects(fixture.classify("--json --unsure 0..0 " + fixture.pictures).out).at(0)["unsure"] == false);
  for (const char* band : {"0.5", "0.7..0.3", "a..b", "-1..0.5", "0.2..1.5", "0.2..0.4x", ".."}) {
    CAPTURE(band);
    const Outcome outcome = fixture.classify("--unsure=" + std::string(band) + " " + fixture.pictures);
    CHECK(outcome.exit == 2);
    CHECK(outcome.out.empty());
    CHECK(count(outcome.err, "\n") == 1);
  }
}

TEST_CASE("--topk names the most likely classes, in every form") {
  const Fixture fixture(2);
  write_model(fixture.root, 5);
  const std::vector<json> all = objects(fixture.classify("--json " + fixture.pictures).out);
  const std::vector<json> top = objects(fixture.classify("--json --topk 3 " + fixture.pictures).out);
  REQUIRE(top.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK_FALSE(top[i].contains("probabilities"));
    REQUIRE(top[i]["top"].size() == 3);
    CHECK(top[i]["top"][0]["label"] == all[i]["label"]);
    double before = 1;
    for (const json& one : top[i]["top"]) {
      CHECK(one["probability"] == all[i]["probabilities"][one["label"].get<std::string>()]);
      CHECK(one["label"] == "class" + std::to_string(one["class"].get<int>()));
      CHECK(one["probability"].get<double>() <= before);
      before = one["probability"];
    }
  }
  const auto rows = csv_rows(fixture.classify("--csv --topk 2 " + fixture.pictures + " missing.png").out);
  REQUIRE(rows.size() == 4);
  for (const auto& row : rows) CHECK(row.size() == 14);
  CHECK(rows[0][10] == "label 1");
  CHECK(rows[1][12] == top[0]["top"][1]["label"]);
  CHECK(count(fixture.classify("--topk 4 " + fixture.pictures).out, "\n") == 9);
  CHECK(count(fixture.classify("--topk 99 " + fixture.pictures).out, "\n") == 11);
  CHECK(fixture.classify("--topk 0 " + fixture.pictures).exit == 2);
}

TEST_CASE("with more than two classes a picture is unsure when no probability is above the band") {
  const Fixture fixture(1);
  write_model(fixture.root, 5);
  const json answer = objects(fixture.classify("--json --unsure 0..1 " + fixture.pictures).out).at(0);
  CHECK(answer["probabilities"].size() == 5);
  CHECK(answer["unsure"] == true);
  CHECK(objects(fixture.classify("--json --unsure 0..0.1 " + fixture.pictures).out).at(0)["unsure"] == false);
}

TEST_CASE("what a file says of itself and a picture with missing pixels are shown in every form") {
  const Fixture fixture;
  const std::string camera = fixture.root.path() / "camera.jpg", part = fixture.root.path() / "part.bmp";
  fs::copy_file(data_path("pictures/real/flowers.jpg"), camera);  // EXIF of a camera
  std::ifstream whole(data_path("pictures/cases/header-of-52-masks.bmp"), std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(whole), {});
  fixture.root.write("part.bmp", bytes.substr(0, bytes.size() / 2));
  const std::string both = quoted(camera) + " " + quoted(part);

  const auto answers = objects(fixture.classify("--json " + both).out);
  REQUIRE(answers.size() == 2);
  REQUIRE(answers[0]["says"].size() == 2);
  CHECK(answers[0]["says"][0] == "camera: TRAVELER OPTICAL CO,LTD SX330Z");
  CHECK(answers[0]["says"][1] == "software: v951-78");
  CHECK(answers[0]["incomplete"] == false);
  CHECK(answers[1]["says"].empty());
  CHECK(answers[1]["incomplete"] == true);

  const auto rows = csv_rows(fixture.classify("--csv " + both).out);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0][8] == "incomplete");
  CHECK(rows[0][9] == "says");
  CHECK(rows[1][8] == "false");
  CHECK(rows[1][9] == "camera: TRAVELER OPTICAL CO,LTD SX330Z; software: v951-78");
  CHECK(rows[2][8] == "true");
  CHECK(rows[2][9] == "");

  const std::string table = fixture.classify(both).out;
  CHECK(count(table, "\n  file says: camera: TRAVELER OPTICAL CO,LTD SX330Z; software: v951-78\n") == 1);
  CHECK(count(table, "file says:") == 1);
  CHECK(count(table, part + "  (incomplete: pixels are missing)\n") == 1);
}

TEST_CASE("--max-megapixels sets the limit, and the refusal names it") {
  const Fixture fixture;
  std::string file = "P5 1100 1000 255\n";
  file.resize(file.size() + 1100 * 1000, 'x');
  const std::string path = quoted(fixture.root.write("large.pgm", file));
  const Outcome refused = fixture.classify("--max-megapixels 1 " + path);
  CHECK(refused.exit == 1);
  CHECK(count(refused.err,
              "too large: 1100 x 1000 pixels; at most 1 megapixels and 65535 on a side "
              "(--max-megapixels raises the first)") == 1);
  CHECK(fixture.classify("--max-megapixels 2 " + path).exit == 0);
}

TEST_CASE("--views: the mean of several views decides, and views that disagree make it unsure") {
  const ScratchDirectory root;
  const std::string model = write_model(root), picture = write_picture(root, "a.ppm", 60, 40);
  const auto classify = [&](const std::string& flags) {
    return run("$levit classify --model " + quoted(model) + " " + flags + " " + quoted(picture));
  };
  const json one = json::parse(classify("--json").out), again = json::parse(classify("--json --views 1").out);
  CHECK(one == again);
  for (const size_t views : {size_t{2}, size_t{8}}) {
    const json line = json::parse(classify("--json --unsure 0.5..0.5 --views " + std::to_string(views)).out);
    CHECK(line["views"] == views);
    CHECK(line["agreeing"] <= views);
    CHECK(line["spread"].get<double>() > 0);
    CHECK(line["unsure"] == (line["agreeing"] < views));
    CHECK(line["logits"] != one["logits"]);
    CHECK(json::parse(classify("--json --unsure 0.5..0.5 --batch 3 --views " + std::to_string(views)).out) ==
          line);
  }
  CHECK(classify("--csv --views 3").out.find(",views,agreeing,spread\r\n") != std::string::npos);
  CHECK(classify("--views 3").out.find("spread, agree") != std::string::npos);
  CHECK(classify("--views 9").exit == 2);
}
