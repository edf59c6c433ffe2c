// What levit finetune --train refuses, and what it says of the bases, options and pictures that it takes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/seeded.h"
#include "tests/tools/finetune/train_bench.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("a base that knows the classes is scored first, and said to be better where it is") {
  const Bench bench;
  const auto first = nlohmann::json::parse(bench.train("head -o known.levit --epochs 2 --json").out);
  CHECK(!first.contains("before"));  // its head began with zeros
  bool better = false, worse = false;
  for (const std::string flags : {"--epochs 60 --rate 0.003", "--epochs 1 --rate 1"}) {
    const Outcome next = bench.in(
        "$levit finetune data --model known.levit --train head -o next.levit --json --log "
        "next.log " +
        flags);
    CAPTURE(next.err);
    REQUIRE(next.exit == 0);
    const auto report = nlohmann::json::parse(next.out);
    CHECK(report["before"] == first["held_out"]);
    const bool is_worse = report["held_out"]["loss"] >= report["before"]["loss"];
    CHECK(names(next.err, "no epoch has a smaller held-out loss than the network before training") ==
          is_worse);
    (is_worse ? worse : better) = true;
    CHECK(names(file_bytes(bench.at("next.log")).substr(0, 40), "{\"epoch\":0,\"step\":0,\"held_out\":"));
  }
  CHECK(better);
  CHECK(worse);
}

TEST_CASE(
    "a batch takes no more memory than the pictures there are, and a class of which none is held out is "
    "named") {
  const Bench bench;
  const auto trained = [&bench](const std::string& batch) {
    return bench.train("head -o out.levit --epochs 1 --json --batch " + batch);
  };
  CHECK(nlohmann::json::parse(trained("1024").out)["trainer_bytes"] ==
        nlohmann::json::parse(trained("40").out)["trainer_bytes"]);
  CHECK(!names(trained("40").err, "is held out"));
  const Outcome uneven =
      bench.in("mkdir -p few/light; cp -r data/dark few\ncp data/light/0.ppm data/light/1.ppm few/light\n" +
               Bench::line("head -o few.levit --epochs 1", "few"));
  CHECK(names(uneven.err, "no picture of class \"light\" is held out"));
}

TEST_CASE("a state of another model, of other options or of other data is refused by name") {
  const Bench bench;
  REQUIRE(bench.train("all -o out.levit --epochs 1").exit == 0);
  const auto check_refused = [&](const Outcome& refused, const std::string& cause) {
    CAPTURE(refused.err);
    CHECK(refused.exit == 1);
    CHECK(names(refused.err, cause));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  };
  check_refused(bench.train("all -o out.levit --epochs 2 --resume"),
                "out.levit.state: a state of other options: --epochs is 1 in it and 2 here");
  check_refused(bench.train("stage2 -o out.levit --epochs 1 --resume"),
                "--train is all in it and stage2 here");
  write_data(bench.d, "other", 20);
  check_refused(bench.train("all -o out.levit --epochs 1 --resume", "other"),
                "out.levit.state: a state of other data: 40 of its 40 pictures are not here as they were");
  fs::rename(bench.at("out.levit.state"), bench.at("next.levit.state"));
  check_refused(
      bench.in("$levit finetune data --model out.levit --train all -o next.levit --epochs 1 --resume"),
      "next.levit.state: a state of another model: it began from");
  // Its weights lie behind what describes it.
  REQUIRE(bench.train("all -o bad.levit --epochs 1").exit == 0);
  std::string state = file_bytes(bench.at("bad.levit.state"));
  state[state.size() - 1000] = static_cast<char>(state[state.size() - 1000] ^ 1);
  bench.d.write("bad.levit.state", state);
  CHECK(names(bench.train("all -o bad.levit --epochs 1 --resume").err, "bad.levit.state: a damaged state: "));
  bench.d.write("bad.levit.state", "something else");
  check_refused(bench.train("all -o bad.levit --resume"), "bad.levit.state: not a state of training");
}

TEST_CASE("no two of the files that a training writes may be one") {
  const Bench bench;
  bench.d.write("kept.txt", "kept");
  bench.in("ln -s kept.txt link.txt");
  for (const std::string flags :
       {"-o out.levit --report out.levit", "-o out.levit --log ./out.levit.state",
        "-o out.levit --report out.levit.last", "-o out.levit --log a.txt --report a.txt",
        "-o out.levit --log kept.txt --report link.txt", "-o out.levit --log out.levit.lock"}) {
    CAPTURE(flags);
    const Outcome refused = bench.train("head --epochs 1 " + flags);
    CAPTURE(refused.err);
    CHECK(refused.exit == 1);
    CHECK(names(refused.err, "is asked for twice, and one would be written over the other"));
    CHECK(!fs::exists(bench.at("out.levit")));
  }
  CHECK(file_bytes(bench.at("kept.txt")) == "kept");
}

TEST_CASE("numbers that are none, or out of range, are refused by name and in one short line") {
  const Bench bench;
  for (const std::string flag :
       {"--rate 0", "--rate nan", "--rate inf", "--rate fast", "--minutes 0", "--minutes nan",
        "--minutes 1e300", "--save-every nan", "--clip -1", "--clip nan", "--val nan", "--warmup nan",
        "--weight-decay nan", "--ema 1", "--ema nan", "--momentum nan", "--label-smoothing nan",
        "--layer-decay nan", "--layer-decay 0"}) {
    const Outcome refused = bench.train("head -o out.levit " + flag);
    CAPTURE(refused.err);
    CHECK(refused.exit == 2);
    CHECK(names(refused.err, "levit: " + flag.substr(0, flag.find(' '))));
    CHECK(refused.err.size() < 120);
  }
  CHECK(names(bench.train("head -o out.levit --name \"$(printf 'a\\nb')\"").err,
              "levit: --name: not one line of UTF-8"));
  CHECK(bench.train("head -o out.levit --epochs 1 --warmup 1e30").exit == 0);  // it never ends
}

TEST_CASE("flags that mean nothing with or without --train are refused by name") {
  const Bench bench;
  const auto check_usage = [&](const std::string& flags, const std::string& cause) {
    CAPTURE(flags);
    const Outcome refused = bench.in("$levit finetune data --model model.levit -o out.levit " + flags);
    CHECK(refused.exit == 2);
    CAPTURE(refused.err);
    CHECK(names(refused.err, cause));
  };
  check_usage("--train stage3", "stage3 not in {head,stage2,stage1,all}");
  for (const std::string flag : {"--minutes 1", "--ema 0.9", "--clip 1", "--layer-decay 0.9", "--balance",
                                 "--log x", "--report x", "--save-every 1", "--resume"})
    check_usage(flag, flag.substr(0, flag.find(' ')) + " requires --train");
  for (const std::string flag : {"--rows 8", "--cache x", "--no-cache", "--inverse-penalty 2", "--head conv"})
    check_usage("--train all " + flag, "excludes");
  check_usage("--train all --solver lbfgs", "--solver lbfgs is for heads");
  check_usage("--train all --rate 1e200", "--rate is above 1000");
  check_usage("--train all --minutes 1 --epochs 2", "excludes");
  check_usage("--train all --data data", "excludes");
}

TEST_CASE("a mean that few steps hardly move is said to be one") {
  const Bench bench;
  const Outcome few = bench.train("head -o out.levit --epochs 2 --batch 16 --ema 0.99");
  CHECK(names(few.err, "after 6 steps the mean of --ema 0.99 is still 94.1 % the network before training"));
  CHECK(!names(bench.train("head -o out.levit --epochs 2 --batch 16 --ema 0.5").err, "--ema"));
}

TEST_CASE("an fp16 base is widened, and that is said") {
  const Bench bench;
  Seed seed;
  seed.variant = "micro";
  seed.calm = true;
  const std::vector<uint8_t> half = tools::write_levit(seeded_fold(seed), weights::Type::kHalf);
  bench.d.write("half.levit", {half.begin(), half.end()});
  const Outcome made =
      bench.in("$levit finetune data --model half.levit --train stage2 --epochs 1 -o out.levit");
  CHECK(made.exit == 0);
  CHECK(names(made.err, "half.levit is in fp16; it is widened to fp32 for training"));
  CHECK(names(bench.in("$levit info out.levit").out, "f32"));
}

}  // namespace levit::tests
