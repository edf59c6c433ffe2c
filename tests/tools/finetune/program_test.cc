// levit finetune as its users run it.
#include "tests/support/program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/npy.h"

namespace levit::tests {
namespace {

// Pictures of two classes that differ in brightness: <folder>/dark and <folder>/light.
void write_data(const ScratchDirectory& d, const std::string& folder, size_t count) {
  for (size_t i = 0; i < 2 * count; ++i) {
    const bool light = i >= count;
    const std::string name = folder + (light ? "/light/" : "/dark/") + std::to_string(i % count) + ".ppm";
    std::string file = "P6 16 12 255\n";
    for (const double value : uniform(name, size_t{3} * 16 * 12))
      file += static_cast<char>(static_cast<int>((light ? 150 : 90) + 80 * value));
    d.write(name, file);
  }
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A directory with a model and data, and a line that runs finetune in it.
struct Bench {
  explicit Bench(uint32_t classes = 2, size_t count = 30) {
    write_model(d, classes);
    write_data(d, "data", count);
  }
  Outcome finetune(const std::string& flags, const std::string& data = "data",
                   const std::string& before = "") const {
    return run("cd " + quoted(d.path()) + "\n" + before + "$levit finetune " + data +
               " --model model.levit " + flags);
  }
  std::filesystem::path at(const std::string& name) const { return d.path() / name; }

  ScratchDirectory d;
};

}  // namespace

TEST_CASE("finetune teaches two classes of its own to any base model, and classify uses them") {
  for (const uint32_t classes : {2u, 1000u}) {
    for (const char* solver : {"adamw --rate 0.01", "sgd", "lbfgs"}) {
      CAPTURE(classes);
      CAPTURE(solver);
      const Bench bench(classes);
      const Outcome made = bench.finetune(std::string("-o out.levit --json --solver ") + solver);
      CHECK(made.err == "");
      REQUIRE(made.exit == 0);
      const auto report = nlohmann::json::parse(made.out);
      CHECK(report["labels"] == nlohmann::json({"dark", "light"}));
      CHECK(report["pictures"] == 60);
      CHECK(report["held_out"]["n"] > 4);
      CHECK(report["held_out"]["accuracy"]["value"] >= 0.9);
      const Outcome used =
          run("cd " + quoted(bench.d.path()) + "\n$levit classify --json --model out.levit data/light");
      CHECK(used.exit == 0);
      size_t right = 0;
      std::istringstream lines(used.out);
      for (std::string line; std::getline(lines, line);)
        right += nlohmann::json::parse(line)["label"] == "light" ? 1 : 0;
      CHECK(right >= 27);
      CHECK(contains(run("$levit info " + quoted(bench.at("out.levit"))).out, "dark 30, light 30"));
    }
  }
}

TEST_CASE("the file is the same for any threads and batch, from pictures or from the cache") {
  const Bench bench;
  REQUIRE(bench.finetune("-o a.levit --threads 1").exit == 0);
  REQUIRE(bench.finetune("-o b.levit --threads 3 --batch 7 --no-cache").exit == 0);
  const Outcome cached = bench.finetune("-o c.levit --cache a.levit.features --json");
  REQUIRE(cached.exit == 0);
  CHECK(nlohmann::json::parse(cached.out)["computed"] == 0);
  CHECK(bytes_of(bench.at("a.levit")) == bytes_of(bench.at("b.levit")));
  CHECK(bytes_of(bench.at("a.levit")) == bytes_of(bench.at("c.levit")));
  CHECK(!std::filesystem::exists(bench.at("b.levit.features")));
  REQUIRE(bench.finetune("-o d.levit --seed 5 --cache a.levit.features").exit == 0);
  CHECK(bytes_of(bench.at("a.levit")) != bytes_of(bench.at("d.levit")));
}

TEST_CASE("killed at 20 moments and started again it ends with the bits of an undisturbed run") {
  const Bench bench(2, 150);
  REQUIRE(bench.finetune("-o whole.levit --threads 2 --batch 4 --epochs 20").exit == 0);
  const std::string line =
      "$levit finetune data --model model.levit -o out.levit --threads 2 --batch 4 --epochs 20";
  // Moments spread over the time that a run takes, from its first milliseconds on.
  const Outcome killed =
      run("cd " + quoted(bench.d.path()) + "\nstart=$(date +%s%N); " + line +
          " >/dev/null; took=$(( ($(date +%s%N) - start) / 1000 ))\n"
          "rm out.levit out.levit.features\n"
          "for i in $(seq 20); do\n"
          "  " +
          line +
          " >/dev/null & pid=$!\n"
          "  sleep $(printf '0.%06d' $(( took * (RANDOM % 90 + 2) / 1000 % 1000000 )))\n"
          "  kill -KILL $pid && wait $pid 2>/dev/null\n"
          "  if [ -e out.levit ]; then cmp out.levit whole.levit || exit 9; rm out.levit; fi\n"
          "done\nls -l out.levit.features >&2\n" +
          line);
  CHECK(killed.exit == 0);
  CAPTURE(killed.err);
  CHECK(bytes_of(bench.at("out.levit")) == bytes_of(bench.at("whole.levit")));
  CHECK(bytes_of(bench.at("out.levit.features")).size() == bytes_of(bench.at("whole.levit.features")).size());
}

TEST_CASE("pictures that cannot be read are named, counted and skipped") {
  const Bench bench;
  bench.d.write("data/dark/broken.jpg", "no picture");
  std::filesystem::copy_file(bench.at("data/dark/0.ppm"), bench.at("data/dark/copy.ppm"));
  const Outcome made = bench.finetune("-o out.levit");
  CHECK(made.exit == 1);
  CHECK(contains(made.err, "data/dark/broken.jpg: "));
  CHECK(contains(made.err, "skipped 1 picture that cannot be read"));
  CHECK(contains(made.out, "dark 31, light 30"));
  CHECK(run("$levit info " + quoted(bench.at("out.levit"))).exit == 0);
}

TEST_CASE("data that cannot teach is refused in one line, and nothing is written") {
  const Bench bench;
  bench.d.write("empty/dark/1.ppm", bytes_of(bench.at("data/dark/1.ppm")));
  std::filesystem::create_directories(bench.at("empty/light"));
  bench.d.write("single/dark/1.ppm", bytes_of(bench.at("data/dark/1.ppm")));
  for (const char* name : {"same/dark/1.ppm", "same/dark/2.ppm", "same/light/3.ppm"})
    bench.d.write(name, bytes_of(bench.at("data/dark/1.ppm")));
  const auto check_refused = [&](const std::string& data, const std::string& cause) {
    CAPTURE(data);
    const Outcome refused = bench.finetune("-o out.levit", data);
    CHECK(refused.exit == 1);
    CHECK(refused.out == "");
    CHECK(contains(refused.err, cause));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
    CHECK(!std::filesystem::exists(bench.at("out.levit")));
  };
  check_refused("empty", "empty/light: no picture in this directory");
  check_refused("single", "single: one class only (dark)");
  check_refused("same", "all 2 pictures are the same file");
  check_refused("nowhere", "nowhere: No such file or directory");
  check_refused("data --cache model.levit", "model.levit: not a feature cache");
  CHECK(contains(bench.finetune("-o nowhere/out.levit").err, "nowhere: No such file or directory"));
  CHECK(contains(bench.finetune("-o data").err, "data: is a directory"));
}

TEST_CASE("a cache of another model is refused") {
  const Bench bench;
  REQUIRE(bench.finetune("-o out.levit").exit == 0);
  const Outcome other =
      run("cd " + quoted(bench.d.path()) +
          "\n$levit finetune data --model out.levit -o other.levit --cache out.levit.features");
  CHECK(other.exit == 1);
  CHECK(contains(other.err, "out.levit.features: features of another model: its checksum is "));
  CHECK(!std::filesystem::exists(bench.at("other.levit")));
}

TEST_CASE("a rate that diverges writes nothing, and keeps the file that was there") {
  const Bench bench;
  bench.d.write("out.levit", "an older file");
  const Outcome diverged = bench.finetune("-o out.levit --solver sgd --rate 1e200");
  CHECK(diverged.exit == 1);
  CHECK(contains(diverged.err, "training diverged"));
  CHECK(contains(diverged.err, "try a smaller --rate"));
  CHECK(bytes_of(bench.at("out.levit")) == "an older file");
}

TEST_CASE("a full disk is said, and costs nothing that was there before") {
  const Bench bench;
  bench.d.write("out.levit", "an older file");
  // Files of 4 KB at most: neither the features nor the model fit.
  const Outcome full = bench.finetune("-o out.levit", "data", "ulimit -f 4\n");
  CHECK(full.exit == 1);
  CHECK(contains(full.err, "out.levit.features: File too large"));
  CHECK(contains(full.err, "out.levit: File too large"));
  CHECK(bytes_of(bench.at("out.levit")) == "an older file");
  const Outcome again = bench.finetune("-o out.levit --json");
  CHECK(again.exit == 0);
  const auto report = nlohmann::json::parse(again.out);
  CHECK(report["computed"] > 0);
  CHECK(report["computed"] < 60);
  REQUIRE(bench.finetune("-o whole.levit --no-cache").exit == 0);
  CHECK(bytes_of(bench.at("out.levit")) == bytes_of(bench.at("whole.levit")));
}

TEST_CASE("labels come from a CSV file too") {
  const Bench bench;
  std::string csv = "path,label\n";
  for (int i = 0; i < 30; ++i) {
    csv += "data/dark/" + std::to_string(i) + ".ppm,night\n";
    csv += "data/light/" + std::to_string(i) + ".ppm,\"day, sunny\"\n";
  }
  bench.d.write("labels.csv", csv);
  const Outcome made = bench.finetune("-o out.levit --labels-csv labels.csv --head conv", "");
  CHECK(made.exit == 0);
  CHECK(contains(made.out, "day, sunny 30, night 30"));
  CHECK(contains(made.out, "conv: 1x1 convolution and average pooling"));
}

TEST_CASE("augmented views are those of their seed, and are cached beside the plain ones") {
  const Bench bench(2, 8);
  const std::string cache = " --val 0 --cache all.features --json ";
  const auto computed = [&](const std::string& flags) {
    const Outcome made = bench.finetune(flags + cache);
    REQUIRE(made.exit == 0);
    return nlohmann::json::parse(made.out)["computed"].get<int>();
  };
  CHECK(computed("-o plain.levit") == 16);
  CHECK(computed("-o a.levit --views 3") == 48);
  CHECK(computed("-o a2.levit --views 3") == 0);
  CHECK(computed("-o c.levit --views 4") == 16);
  CHECK(computed("-o d.levit --views 3 --seed 1") == 48);
  CHECK(computed("-o e.levit --equalise") == 16);
  REQUIRE(bench.finetune("-o b.levit --views 3 --val 0 --threads 1 --batch 5 --no-cache").exit == 0);
  CHECK(bytes_of(bench.at("a.levit")) == bytes_of(bench.at("b.levit")));
  CHECK(bytes_of(bench.at("a.levit")) == bytes_of(bench.at("a2.levit")));
  CHECK(bytes_of(bench.at("a.levit")) != bytes_of(bench.at("d.levit")));
}

}  // namespace levit::tests
