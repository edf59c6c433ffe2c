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
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/finetune/data.h"
#include "tools/common/npy.h"

namespace levit::tests {
namespace {

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
      CHECK(names(run("$levit info " + quoted(bench.at("out.levit"))).out, "dark 30, light 30"));
    }
  }
}

TEST_CASE("a second run on a file that one is writing is refused in one line, and changes nothing") {
  const Bench bench;
  const auto check_refused = [&](const std::string& locked, const std::string& line,
                                 const std::string& said) {
    CAPTURE(line);
    const Outcome refused =
        run("cd " + quoted(bench.d.path()) + "\nexport levit LEVIT_MODEL=model.levit\nflock " + locked +
            " bash -c '" + line + "'");
    CHECK(refused.exit == 1);
    CHECK(refused.err == "levit: " + said + ": in use by another run\n");
    CHECK(!std::filesystem::exists(bench.at("out.levit")));
  };
  check_refused("out.levit.features", "$levit finetune data -o out.levit", "out.levit.features");
  check_refused("out.levit.lock", "$levit finetune data -o out.levit --train head --epochs 1", "out.levit");
  check_refused("lines", "$levit classify data --json --resume -o lines", "lines");
  check_refused("rows", "$levit finetune data --shard 1/1 --cache rows", "rows");
  // What a killed run leaves of its lock stops nobody, and is taken away.
  CHECK(std::filesystem::exists(bench.at("out.levit.lock")));
  CHECK(bench.finetune("-o out.levit --train head --epochs 1").exit == 0);
  CHECK(!std::filesystem::exists(bench.at("out.levit.lock")));
  // Started together, one or both end, and the file is that of one alone.
  const std::string line = "$levit finetune data --model model.levit -o both.levit --train all --epochs 2";
  const Outcome both = run("cd " + quoted(bench.d.path()) + "\n" + line + " & first=$!\n" + line +
                           "; second=$?\nwait $first; echo $(( $? + second )) >&2");
  CAPTURE(both.err);
  CHECK((names(both.err, "\n0\n") || names(both.err, "\n1\n")));
  REQUIRE(bench.finetune("-o alone.levit --train all --epochs 2").exit == 0);
  CHECK(file_bytes(bench.at("both.levit")) == file_bytes(bench.at("alone.levit")));
  CHECK(!std::filesystem::exists(bench.at("both.levit.lock")));
}

TEST_CASE("the file is the same for any threads and batch, from pictures or from the cache") {
  const Bench bench;
  REQUIRE(bench.finetune("-o a.levit --threads 1").exit == 0);
  REQUIRE(bench.finetune("-o b.levit --threads 3 --batch 7 --no-cache").exit == 0);
  const Outcome cached = bench.finetune("-o c.levit --cache a.levit.features --json");
  REQUIRE(cached.exit == 0);
  CHECK(nlohmann::json::parse(cached.out)["computed"] == 0);
  CHECK(file_bytes(bench.at("a.levit")) == file_bytes(bench.at("b.levit")));
  CHECK(file_bytes(bench.at("a.levit")) == file_bytes(bench.at("c.levit")));
  CHECK(!std::filesystem::exists(bench.at("b.levit.features")));
  REQUIRE(bench.finetune("-o d.levit --seed 5 --cache a.levit.features").exit == 0);
  CHECK(file_bytes(bench.at("a.levit")) != file_bytes(bench.at("d.levit")));
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
  CHECK(file_bytes(bench.at("out.levit")) == file_bytes(bench.at("whole.levit")));
  CHECK(file_bytes(bench.at("out.levit.features")).size() ==
        file_bytes(bench.at("whole.levit.features")).size());
}

TEST_CASE("pictures that cannot be read are named, counted and skipped") {
  const Bench bench;
  bench.d.write("data/dark/broken.jpg", "no picture");
  std::filesystem::copy_file(bench.at("data/dark/0.ppm"), bench.at("data/dark/copy.ppm"));
  const Outcome made = bench.finetune("-o out.levit");
  CHECK(made.exit == 1);
  CHECK(names(made.err, "data/dark/broken.jpg: "));
  CHECK(names(made.err, "skipped 1 picture that cannot be read"));
  CHECK(names(made.out, "dark 31, light 30"));
  CHECK(run("$levit info " + quoted(bench.at("out.levit"))).exit == 0);
}

TEST_CASE("data that cannot teach is refused in one line, and nothing is written") {
  const Bench bench;
  bench.d.write("empty/dark/1.ppm", file_bytes(bench.at("data/dark/1.ppm")));
  std::filesystem::create_directories(bench.at("empty/light"));
  bench.d.write("single/dark/1.ppm", file_bytes(bench.at("data/dark/1.ppm")));
  for (const char* name : {"same/dark/1.ppm", "same/dark/2.ppm", "same/light/3.ppm"})
    bench.d.write(name, file_bytes(bench.at("data/dark/1.ppm")));
  const auto check_refused = [&](const std::string& data, const std::string& cause) {
    CAPTURE(data);
    const Outcome refused = bench.finetune("-o out.levit", data);
    CHECK(refused.exit == 1);
    CHECK(refused.out == "");
    CHECK(names(refused.err, cause));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
    CHECK(!std::filesystem::exists(bench.at("out.levit")));
  };
  check_refused("empty", "empty/light: no picture in this directory");
  check_refused("single", "single: one class only (dark)");
  check_refused("same", "all 2 pictures are the same file");
  check_refused("nowhere", "nowhere: No such file or directory");
  check_refused("data --cache model.levit", "model.levit: not a feature cache");
  bench.d.write("broken/dark/1.ppm", file_bytes(bench.at("data/dark/1.ppm")));
  bench.d.write("broken/light/1.jpg", "no picture");
  check_refused("broken", "class \"light\": none of its pictures can be read");
  for (const char* part : {"head", "all"}) {
    CAPTURE(part);
    const Outcome refused = bench.finetune("-o out.levit --train " + std::string(part), "broken");
    CHECK(refused.exit == 1);
    CHECK(refused.out == "");
    CHECK(names(refused.err, "class \"light\": none of its pictures to train with can be read"));
    CHECK(!std::filesystem::exists(bench.at("out.levit")));
  }
  CHECK(names(bench.finetune("-o nowhere/out.levit").err, "nowhere: No such file or directory"));
  CHECK(names(bench.finetune("-o data").err, "data: is a directory"));
}

TEST_CASE("a cache of another model is refused") {
  const Bench bench;
  REQUIRE(bench.finetune("-o out.levit").exit == 0);
  const Outcome other =
      run("cd " + quoted(bench.d.path()) +
          "\n$levit finetune data --model out.levit -o other.levit --cache out.levit.features");
  CHECK(other.exit == 1);
  CHECK(names(other.err, "out.levit.features: features of another model: its checksum is "));
  CHECK(!std::filesystem::exists(bench.at("other.levit")));
}

TEST_CASE("a rate that diverges writes nothing, and keeps the file that was there") {
  const Bench bench;
  bench.d.write("out.levit", "an older file");
  const Outcome diverged = bench.finetune("-o out.levit --solver sgd --rate 1e200");
  CHECK(diverged.exit == 1);
  CHECK(names(diverged.err, "training diverged"));
  CHECK(names(diverged.err, "try a smaller --rate"));
  CHECK(file_bytes(bench.at("out.levit")) == "an older file");
}

TEST_CASE("a full disk is said, and costs nothing that was there before") {
  const Bench bench;
  bench.d.write("out.levit", "an older file");
  // Files of 4 KB at most: neither the features nor the model fit.
  const Outcome full = bench.finetune("-o out.levit", "data", "ulimit -f 4\n");
  CHECK(full.exit == 1);
  CHECK(names(full.err, "out.levit.features: File too large"));
  CHECK(names(full.err, "out.levit: File too large"));
  CHECK(file_bytes(bench.at("out.levit")) == "an older file");
  const Outcome again = bench.finetune("-o out.levit --json");
  CHECK(again.exit == 0);
  const auto report = nlohmann::json::parse(again.out);
  CHECK(report["computed"] > 0);
  CHECK(report["computed"] < 60);
  REQUIRE(bench.finetune("-o whole.levit --no-cache").exit == 0);
  CHECK(file_bytes(bench.at("out.levit")) == file_bytes(bench.at("whole.levit")));
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
  CHECK(names(made.out, "day, sunny 30, night 30"));
  CHECK(names(made.out, "conv: 1x1 convolution and average pooling"));
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
  CHECK(file_bytes(bench.at("a.levit")) == file_bytes(bench.at("b.levit")));
  CHECK(file_bytes(bench.at("a.levit")) == file_bytes(bench.at("a2.levit")));
  CHECK(file_bytes(bench.at("a.levit")) != file_bytes(bench.at("d.levit")));
}

TEST_CASE("--familiarity: classify says how far a picture is from those of the training, in every form") {
  const Bench bench(2, 60);
  const Outcome made = bench.finetune("-o out.levit --val 0 --familiarity");
  CHECK(made.err == "");
  REQUIRE(made.exit == 0);
  CHECK(names(made.out, "of pictures that it has not seen: half below "));
  CHECK(names(run("$levit info " + quoted(bench.at("out.levit"))).out, "2 class means"));
  write_picture(bench.d, "strange.ppm", 40, 40);
  const auto classify = [&](const std::string& flags, const std::string& picture) {
    return run("cd " + quoted(bench.d.path()) + "\n$levit classify --quiet --model out.levit " + flags + " " +
               picture);
  };
  double mean = 0;
  std::istringstream lines(classify("--json", "data").out);
  for (std::string line; std::getline(lines, line);)
    mean += nlohmann::json::parse(line)["familiarity"]["percentile"].get<double>() / 120;
  CHECK(mean > 15);  // pictures of the training lie within what is common there
  CHECK(mean < 60);
  const auto strange = nlohmann::json::parse(classify("--json", "strange.ppm").out)["familiarity"];
  CHECK(strange["percentile"] == 100);
  CHECK(strange["unlike"] == true);
  const Outcome explained =
      run("cd " + quoted(bench.d.path()) +
          "\n$levit explain --quiet --json --method gradcam --model out.levit strange.ppm");
  CHECK(nlohmann::json::parse(explained.out)["familiarity"] == strange);
  const std::string table = classify("", "strange.ppm").out;
  CHECK(names(table, "farther than"));
  CHECK(
      names(table, "unlike anything it was trained on: farther away than 100.0 % of its training pictures"));
  const std::string csv = classify("--csv", "strange.ppm").out;
  CHECK(names(csv, ",distance,percentile,unlike\r\n"));
  CHECK(names(csv, ",100.0,true\r\n"));
  const std::string views = classify("--json --views 4", "strange.ppm").out;
  CHECK(nlohmann::json::parse(views)["familiarity"] == strange);
  REQUIRE(bench.finetune("-o plain.levit --val 0").exit == 0);
  CHECK(!names(run("$levit classify --model " + quoted(bench.at("plain.levit")) + " " +
                   quoted(bench.at("strange.ppm")))
                   .out,
               "farther than"));
}

TEST_CASE("--familiarity-only keeps head, name and verdicts, for any threads, and asks for enough pictures") {
  const Bench bench(2, 60);
  REQUIRE(bench.finetune("-o first.levit --val 0 --name first").exit == 0);
  const auto add = [&](const std::string& flags) {
    return run("cd " + quoted(bench.d.path()) + "\n$levit finetune --model first.levit --familiarity-only " +
               flags);
  };
  REQUIRE(add("data -o a.levit --threads 1").exit == 0);
  REQUIRE(add("data -o b.levit --threads 3 --batch 5").exit == 0);
  CHECK(file_bytes(bench.at("a.levit")) == file_bytes(bench.at("b.levit")));
  const auto info = nlohmann::json::parse(run("$levit info --json " + quoted(bench.at("a.levit"))).out);
  CHECK(info["name"] == "first");
  CHECK(names(info["note"], "Familiarity: of 120 rows of features (dark 60, light 60)."));
  const auto verdicts = [&](const std::string& model) {
    return nlohmann::json::parse(
        run("cd " + quoted(bench.d.path()) + "\n$levit classify --json --model " + model + " data/dark/1.ppm")
            .out)["logits"];
  };
  CHECK(verdicts("a.levit") == verdicts("first.levit"));
  write_data(bench.d, "few", 20);
  const Outcome few = add("few -o c.levit");
  CHECK(few.exit == 1);
  CHECK(few.err == "levit: familiarity needs 50 pictures to learn from, and there are 40\n");
  CHECK(!std::filesystem::exists(bench.at("c.levit")));
}

TEST_CASE("a new head makes a model of another name: the base's with its labels, or the one asked for") {
  const Bench bench;
  const auto name = [&](const char* model) {
    return nlohmann::json::parse(run("$levit info --json " + quoted(bench.at(model))).out)["name"]
        .get<std::string>();
  };
  REQUIRE(bench.finetune("-o mine.levit").exit == 0);
  CHECK(name("mine.levit") == name("model.levit") + " (head of dark, light)");
  REQUIRE(
      run("cd " + quoted(bench.d.path()) + "\n$levit finetune data --model mine.levit -o again.levit").exit ==
      0);
  CHECK(name("again.levit") == name("mine.levit"));
  REQUIRE(bench.finetune("-o other.levit --name other").exit == 0);
  CHECK(name("other.levit") == "other");
  REQUIRE(bench.finetune("-o all.levit --train all --epochs 1").exit == 0);
  CHECK(name("all.levit") == name("model.levit") + " (network of dark, light)");
  REQUIRE(run("cd " + quoted(bench.d.path()) +
              "\n$levit finetune data --model all.levit -o head.levit --train head --epochs 1")
              .exit == 0);
  CHECK(name("head.levit") == name("mine.levit"));
}

TEST_CASE("a conv head, trained, saved and loaded: its class maps add up to its logits") {
  const Bench bench;
  REQUIRE(bench.finetune("-o conv.levit --head conv").exit == 0);
  const std::string start = "cd " + quoted(bench.d.path()) + "\n";
  const auto verdict =
      nlohmann::json::parse(run(start + "$levit classify --json --model conv.levit data/light/3.ppm").out);
  for (size_t k = 0; k < 2; ++k) {
    const std::string label = k == 0 ? "dark" : "light";
    const Outcome explained =
        run(start + "$levit explain --model conv.levit --method classmap --raw --class " + label + " -o " +
            label + " data/light/3.ppm");
    CAPTURE(explained.err);
    REQUIRE(explained.exit == 0);
    const tools::NpyFile file(bench.at(label + "/3_classmap_stage2.npy").string());
    REQUIRE(file.shape() == std::vector<size_t>{4, 4});
    std::vector<float> map(16);
    file.read(0, 16, map.data());
    double sum = 0;
    for (const float cell : map) sum += static_cast<double>(cell);
    CHECK(sum == doctest::Approx(verdict["logits"][k].get<double>()).epsilon(1e-4));
  }
}

TEST_CASE("--adversarial says what it gains and costs, and is the same for any threads") {
  const Bench bench(2, 20);
  const std::string flags =
      " --adversarial --epsilon 8/255 --attack-steps 3 --rounds 2 --val 0.3 --rate 0.01 --json";
  const Outcome made = bench.finetune("-o a.levit --threads 1" + flags);
  REQUIRE(made.exit == 0);
  CHECK(nlohmann::json::parse(made.out)["whitened"] == false);  // along faint directions it is pushed easily
  const auto report = nlohmann::json::parse(made.out)["adversarial"];
  CHECK(report["n"] > 3);
  CHECK(report["steps"] == 3);
  for (const char* when : {"before", "after"}) {
    CHECK(report["robust"][when] <= report["clean"][when]);
    CHECK(report["clean"][when] >= 0.5);
  }
  REQUIRE(bench.finetune("-o b.levit --threads 3" + flags).exit == 0);
  REQUIRE(bench.finetune("-o c.levit --val 0.3 --rate 0.01").exit == 0);
  const auto weights = [&](const char* name) {  // the name differs
    return nlohmann::json::parse(
        run("cd " + quoted(bench.d.path()) + "\n$levit classify --json --model " + name + " data/dark/1.ppm")
            .out)["logits"];
  };
  CHECK(weights("a.levit") == weights("b.levit"));
  CHECK(weights("a.levit") != weights("c.levit"));
  CHECK(names(bench.finetune("-o x.levit --adversarial --epsilon 3").err, "not in (0, 1]"));
  CHECK(bench.finetune("-o x.levit --epsilon 3").exit == 2);
  CHECK(bench.finetune("-o x.levit --familiarity-only --adversarial").exit == 2);
  // What gained nothing is not passed off as a gain.
  for (const char* epsilon : {"0.2/255", "8/255"}) {
    CAPTURE(epsilon);
    const Outcome one = bench.finetune(
        "-o x.levit --adversarial --attack-steps 2 --rate 0.01 --json --epsilon " + std::string(epsilon));
    REQUIRE(one.exit == 0);
    const auto robust = nlohmann::json::parse(one.out)["adversarial"]["robust"];
    const bool in_vain = robust["after"] <= robust["before"];
    CHECK(names(one.err, "levit: the attacked pictures taught this head nothing: after PGD-2") == in_vain);
  }
}

TEST_CASE("a full disk, a real one, loses nothing that was there") {
  const Bench bench;
  // A file system of 48 KB; without the right to mount one this cannot be tried.
  const std::string line = bench
                               .finetune("-o small/out.levit", "data",
                                         "mkdir small; mount -t tmpfs -o size=48k tmpfs small || exit 99\n"
                                         "trap 'umount small' EXIT\necho old > small/out.levit\n")
                               .err;
  if (line.find("mount") != std::string::npos) return;
  CHECK(names(line, "small/out.levit: No space left on device"));
}

TEST_CASE("features of shards, merged in any order, teach the head of one run") {
  const Bench bench(2, 30);
  REQUIRE(bench.finetune("-o whole.levit").exit == 0);
  for (const char* part : {"3", "1", "2"}) {
    const Outcome made = bench.finetune("--shard " + std::string(part) + "/3 --cache part" + part);
    CHECK(made.exit == 0);
    CHECK(names(made.out, "20 computed"));
  }
  const Outcome merged = bench.finetune("-o merged.levit --json --merge part2 part3 part1");
  REQUIRE(merged.exit == 0);
  CHECK(nlohmann::json::parse(merged.out)["computed"] == 0);
  CHECK(file_bytes(bench.at("merged.levit")) == file_bytes(bench.at("whole.levit")));

  // A file to merge is only read: the features that a run is computing, those of a killed one, a cache
  // itself.
  const std::string cut = file_bytes(bench.at("part1")).substr(0, 3000);
  bench.d.write("part1", cut);
  std::filesystem::permissions(bench.at("part1"), std::filesystem::perms::owner_read);
  const Outcome most = bench.finetune("-o most.levit --json --cache part3 --merge part1 part2 part3");
  REQUIRE(most.exit == 0);
  CHECK(nlohmann::json::parse(most.out)["computed"] > 0);
  CHECK(file_bytes(bench.at("part1")) == cut);
  CHECK(file_bytes(bench.at("most.levit")) == file_bytes(bench.at("whole.levit")));
  const Outcome gone = bench.finetune("-o gone.levit --merge part2 part4");
  CHECK(gone.exit == 1);
  CHECK(gone.err == "levit: part4: No such file or directory\n");
  CHECK(!std::filesystem::exists(bench.at("part4")));
  CHECK(names(bench.finetune("-o gone.levit --merge model.levit").err, "model.levit: not a feature cache"));
  bench.d.write("short", "LVF");
  CHECK(names(bench.finetune("-o gone.levit --merge short").err, "short: the file ends within its header"));
  CHECK(!std::filesystem::exists(bench.at("gone.levit")));

  CHECK(bench.finetune("--shard 1/3").exit == 2);
  CHECK(bench.finetune("").exit == 2);
  CHECK(names(bench.finetune("").err,
              "levit: name the weight file to write with -o, or a part of the pictures with --shard"));
}

}  // namespace levit::tests
