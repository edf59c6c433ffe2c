// `levit classify` in parts, and killed and resumed.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/support/program.h"

namespace fs = std::filesystem;
using namespace levit::tests;

namespace {

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Fixture {
  ScratchDirectory root;
  std::string model = write_model(root);

  Fixture() {
    fs::create_directories(root.path() / "p/inner");
    for (const char* name : {"p/c.ppm", "p/inner/a.ppm", "p/b \xff.ppm", "p/z.ppm", "p/inner/y.ppm"})
      write_picture(root, name);
    root.write("p/broken.png", "no picture");
  }
  Outcome classify(const std::string& arguments) const {
    return run("cd " + quoted(root.path()) + "\nexport LEVIT_MODEL=" + quoted(model) +
               "\n$levit classify --quiet --json " + arguments);
  }
};

}  // namespace

TEST_CASE("the shards of classify behind each other are the whole, sorted by path") {
  const Fixture fixture;
  const std::string whole = fixture.classify("--shard 1/1 p").out;
  std::string parts;
  for (int i = 1; i <= 4; ++i) parts += fixture.classify("--shard " + std::to_string(i) + "/4 p").out;
  CHECK(parts == whole);
  CHECK(whole.find("p/b") < whole.find("p/broken"));
  CHECK(whole.find("p/inner/y") < whole.find("p/z"));
  CHECK(fixture.classify("--shard 9/9 p/c.ppm").exit == 0);
  CHECK(fixture.classify("--shard 1/9 p/c.ppm").out.empty());
  CHECK(fixture.classify("--shard 3 p").exit == 2);
}

TEST_CASE("classify killed anywhere and resumed leaves the file of one run") {
  const Fixture fixture;
  CHECK(fixture.classify("-o whole p").exit == 1);
  const std::string whole = content(fixture.root.path() / "whole");
  CHECK(whole == fixture.classify("p").out);
  const fs::path part = fixture.root.path() / "part";
  for (size_t bytes = 0; bytes <= whole.size(); bytes += whole.size() / 9) {
    CAPTURE(bytes);
    std::ofstream(part, std::ios::binary) << whole.substr(0, bytes);
    CHECK(fixture.classify("-o part --resume p").exit == 1);  // of the broken picture, whoever met it
    CHECK(content(part) == whole);
  }
  CHECK(fixture.classify("-o part --resume p").exit == 1);
  CHECK(content(part) == whole);
  const Outcome other = fixture.classify("-o part --resume p/inner");
  CHECK(other.exit == 1);
  CHECK(other.err == "levit: part: not of this list of inputs; it stays as it is\n");
  CHECK(content(part) == whole);
  CHECK(fixture.classify("--resume p").exit == 2);
}
