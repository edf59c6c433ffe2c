// levit finetune --train as its users run it, on the smallest network of the goldens.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "levit.hpp"
#include "tests/support/program.h"
#include "tests/support/seeded.h"
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/finetune/train_bench.h"
#include "tools/common/model_file.h"
#include "tools/levit/train/data.h"
#include "weights/reader.h"

namespace levit::tests {
namespace {

namespace fs = std::filesystem;

// The lines of a log without what the clock decides.
std::string without_speed(const fs::path& log) {
  std::istringstream lines(file_bytes(log));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::ordered_json::parse(line);
    json.erase("pictures_per_second");
    text += json.dump() + "\n";
  }
  return text;
}

// Weight [classes][width] and bias [classes] of the head, out of the panels of a file.
std::vector<float> head_of(const fs::path& path) {
  const tools::ModelFile file(path);
  const weights::View view = weights::view(file.model());
  const weights::LayerWeights head = weights::layer_weights(view, weights::layer_count(view.config) - 1);
  const auto* const panels = static_cast<const float*>(head.panels);
  const size_t width = file.info().dims[2], classes = file.info().classes;
  std::vector<float> all;
  for (size_t k = 0; k < classes; ++k)
    for (size_t f = 0; f < width; ++f) all.push_back(panels[f * 16 + k]);
  all.insert(all.end(), head.bias, head.bias + classes);
  return all;
}

}  // namespace

TEST_CASE("--train teaches any part of the network, and classify uses what it wrote") {
  const Bench bench;
  for (const std::string part : {"head", "stage2", "stage1", "all"}) {
    CAPTURE(part);
    const Outcome made = bench.train(part + " -o out.levit --epochs 8 --batch 4 --rate " +
                                     (part == "head" ? "0.3" : "0.003") + " --json");
    CAPTURE(made.err);
    REQUIRE(made.exit == 0);
    const auto report = nlohmann::json::parse(made.out);
    CHECK(report["labels"] == nlohmann::json({"dark", "light"}));
    CHECK(report["pictures"] == 40);
    CHECK(report["epochs"] == 8);
    CHECK(report["trainer_bytes"] > 1000);
    CHECK(report["held_out"]["n"] > 2);
    CHECK(report["held_out"]["loss"] < 0.69);
    CHECK(std::count(made.err.begin(), made.err.end(), '\n') == 9);  // a new head, eight epochs
    CHECK(names(bench.in("$levit info out.levit").out, "Network (" + part + ") trained by levit"));
    const Outcome used = bench.in("$levit classify --json --model out.levit data/light data/dark");
    CHECK(used.exit == 0);
    CHECK(names(used.out, "\"light\""));
    CHECK(fs::exists(bench.at("out.levit.last")));
  }
}

TEST_CASE("trained files are the same for any threads, and others for another seed") {
  const Bench bench;
  const std::string flags =
      "all --epochs 2 --batch 8 --views 2 --ema 0.9 --layer-decay 0.8 --label-smoothing "
      "0.1 --class-weights balanced";
  REQUIRE(bench.train(flags + " -o a.levit --threads 1 --log a.log").exit == 0);
  for (const std::string threads : {"2", "3"}) {
    REQUIRE(bench.train(flags + " -o b.levit --log b.log --threads " + threads).exit == 0);
    CHECK(bench.same("a.levit", "b.levit"));
    CHECK(bench.same("a.levit.last", "b.levit.last"));
    CHECK(without_speed(bench.at("a.log")) == without_speed(bench.at("b.log")));
  }
  REQUIRE(bench.train(flags + " -o c.levit --seed 1").exit == 0);
  CHECK(!bench.same("a.levit", "c.levit"));
}

TEST_CASE("the log has a line for every step and every epoch, and the page needs nothing beside it") {
  const Bench bench;
  REQUIRE(bench.train("all -o out.levit --epochs 3 --batch 8 --log log --report page.html").exit == 0);
  std::istringstream lines(file_bytes(bench.at("log")));
  size_t steps = 0, epochs = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("epoch_loss")) {
      ++epochs;
      CHECK(json["held_out"]["accuracy"] >= 0);
    } else {
      ++steps;
      CHECK(json["step"] == steps);
      for (const char* key : {"loss", "rate", "norm", "pictures_per_second"}) CHECK(json[key] > 0);
    }
  }
  CHECK(epochs == 3);
  CHECK(steps == 3 * ((34 + 7) / 8));
  const std::string page = file_bytes(bench.at("page.html"));
  CHECK(names(page, "<figcaption>Loss</figcaption>"));
  CHECK(names(page, "<figcaption>Learning rate</figcaption>"));
  for (const char* foreign : {"<script", "src=", "href=", "url(", "nan", "inf,"}) {
    CAPTURE(foreign);
    CHECK(!names(page, foreign));
  }
}

TEST_CASE("killed at 20 moments and gone on with it ends with the bits of an undisturbed training") {
  const Bench bench;
  const std::string flags = " --epochs 4 --batch 4 --views 1 --ema 0.9 --save-every 0 --threads 2";
  const Outcome killed = bench.in(
      "start=$(date +%s%N)\n" + Bench::line("all -o whole.levit --log whole.log" + flags) +
      " >/dev/null 2>&1 || exit 8\ntook=$(( ($(date +%s%N) - start) / 1000 ))\n" +
      "for i in $(seq 20); do\n" + Bench::line("all -o out.levit --log out.log --resume" + flags) +
      " >/dev/null 2>&1 & pid=$!\n"
      "  sleep $(printf '%d.%06d' $(( took * (RANDOM % 60 + 5) / 100 / 1000000 )) $(( took * (RANDOM % 60 + "
      "5) / 100 % 1000000 )))\n"
      "  kill -KILL $pid && wait $pid 2>/dev/null\n"
      "  if [ -e out.levit ]; then $levit info out.levit >/dev/null || exit 9; fi\n"
      "done\n" +
      Bench::line("all -o out.levit --log out.log --resume" + flags));
  CAPTURE(killed.err);
  CHECK(killed.exit == 0);
  CHECK(bench.same("out.levit", "whole.levit"));
  CHECK(bench.same("out.levit.last", "whole.levit.last"));
  CHECK(without_speed(bench.at("out.log")) == without_speed(bench.at("whole.log")));
  // No half of a file is left beside the others.
  for (const auto& entry : fs::directory_iterator(bench.d.path())) {
    const std::string name = entry.path().filename();
    CAPTURE(name);
    CHECK((name.rfind("out.levit", 0) != 0 || name == "out.levit" || name == "out.levit.last" ||
           name == "out.levit.state"));
  }
}

TEST_CASE("Ctrl-C, SIGTERM and a closed terminal write the state, and --resume goes on to the same bits") {
  const Bench bench;
  const std::string flags = " --epochs 30 --batch 4 --views 1";
  REQUIRE(bench.train("all -o whole.levit" + flags).exit == 0);
  for (const std::string signal : {"INT", "TERM", "HUP"}) {
    CAPTURE(signal);
    // Stopped as soon as the log has some steps.
    const Outcome stopped = bench.in(
        "rm -f out.*\nset -m\n" + Bench::line("all -o out.levit --log out.log" + flags) +
        " & pid=$!\nuntil [ -s out.log ]; do sleep 0.01; done\nkill -" + signal + " $pid; wait $pid");
    CAPTURE(stopped.err);
    CHECK(stopped.exit == 130);
    CHECK(names(stopped.err, "--resume goes on from there"));
    const Outcome refused = bench.train("all -o out.levit" + flags);
    CHECK(refused.exit == 1);
    CHECK(names(refused.err, "out.levit.state holds a run that has not ended"));
    REQUIRE(bench.train("all -o out.levit --resume --threads 3" + flags).exit == 0);
    CHECK(bench.same("out.levit", "whole.levit"));
    CHECK(bench.same("out.levit.last", "whole.levit.last"));
    // It has ended: nothing is left to do, and another run may begin.
    const Outcome again = bench.train("all -o out.levit --resume --json" + flags);
    CHECK(again.exit == 0);
    CHECK(nlohmann::json::parse(again.out)["epochs"] == 30);
    fs::remove(bench.at("out.levit"));
    const Outcome lost = bench.train("all -o out.levit --resume" + flags);
    CHECK(lost.exit == 1);
    CHECK(names(lost.err, "was written there and is gone"));
  }
}

TEST_CASE("a full disk costs no state and no file, and training goes on from them") {
  const Bench bench;
  const std::string flags = " --epochs 3 --batch 8";
  REQUIRE(bench.train("all -o whole.levit" + flags).exit == 0);
  bench.d.write("out.levit", "an older file");
  const Outcome full = bench.in("ulimit -f 4\n" + Bench::line("all -o out.levit --save-every 0" + flags));
  CHECK(full.exit == 1);
  CHECK(names(full.err, "out.levit.state: File too large"));
  CHECK(names(full.err, "out.levit: File too large"));
  CHECK(file_bytes(bench.at("out.levit")) == "an older file");
  CHECK(!fs::exists(bench.at("out.levit.state")));
  CHECK(names(full.out, "not written out.levit"));
  CHECK(names(full.err, "not all could be written (see above); no state was, to go on from"));
  REQUIRE(bench.train("all -o out.levit --resume" + flags).exit == 0);
  CHECK(bench.same("out.levit", "whole.levit"));
}

TEST_CASE("a rate that diverges stops with the last good files and says what to try") {
  const Bench bench;
  bench.d.write("out.levit", "an older file");
  const Outcome diverged =
      bench.train("all -o out.levit --solver sgd --rate 1000 --clip 0 --epochs 20 --batch 8 --warmup 0");
  CHECK(diverged.exit == 1);
  CHECK(names(diverged.err, "training diverged in epoch 1"));
  CHECK(names(diverged.err, "Try a smaller --rate (it was 1e+03), --clip 1 or a longer --warmup"));
  CHECK(file_bytes(bench.at("out.levit")) == "an older file");
}

TEST_CASE("pictures that are taken away during training, all of them, cost no step and no best epoch") {
  const Bench bench;
  const std::string flags = " --epochs 300 --patience 300 --batch 4 --val 0.4 --rate 1e-4";
  const Outcome stopped = bench.in(Bench::line("head -o out.levit --log out.log" + flags) +
                                   " & pid=$!\nuntil grep -qs best out.log; do sleep 0.01; done\n"
                                   "mv data away; wait $pid");
  CAPTURE(stopped.err);
  CHECK(stopped.exit == 1);
  CHECK(names(stopped.err, "none of its pictures to train with can be read"));
  CHECK(names(stopped.err, "--resume goes on when they are back"));
  fs::rename(bench.at("away"), bench.at("data"));
  const Outcome gone_on = bench.train("head -o out.levit --resume --json" + flags);
  CAPTURE(gone_on.err);
  CHECK(gone_on.exit == 1);  // some were left out
  const auto report = nlohmann::json::parse(gone_on.out);
  CHECK(report["epochs"] == 300);
  const Outcome whole = bench.train("head -o whole.levit --json --epochs 1 --val 0.4");
  CHECK(report["held_out"]["n"] == nlohmann::json::parse(whole.out)["held_out"]["n"]);
}

TEST_CASE("pictures that vanish or change during training are named, left out and counted") {
  const Bench bench;
  bench.d.write("data/dark/broken.ppm", "no picture");
  const Outcome made = bench.in(Bench::line("head -o out.levit --epochs 40 --batch 4 --val 0 --log out.log") +
                                " & pid=$!\nuntil [ -s out.log ]; do sleep 0.01; done\n"
                                "rm data/dark/3.ppm; cp data/dark/5.ppm data/light/4.ppm; wait $pid");
  CAPTURE(made.err);
  CHECK(made.exit == 1);
  CHECK(names(made.err, "data/dark/broken.ppm: "));
  CHECK(names(made.err, "data/dark/3.ppm: No such file or directory"));
  CHECK(names(made.err, "data/light/4.ppm: has changed since training began"));
  CHECK(names(made.err, "left out 3 pictures that could not be read or had changed"));
  CHECK(bench.in("$levit info out.levit").exit == 0);
}

TEST_CASE("sources are mixed by weight and classes balanced") {
  const Bench bench(12);
  write_data(bench.d, "more", 6);
  for (int i = 0; i < 5; ++i) fs::remove(bench.at("more/dark/" + std::to_string(i) + ".ppm"));
  const Outcome made = bench.in(
      "$levit finetune --model model.levit --train all --data data:3 --data more:1 --balance --val 0 "
      "--epochs 2 "
      "-o out.levit --json");
  CAPTURE(made.err);
  CHECK(made.exit == 0);
  CHECK(nlohmann::json::parse(made.out)["pictures"] == 31);
  const auto refused = [&](const std::string& data) {
    return bench.in("$levit finetune --model model.levit --train all -o no.levit --data " + data).err;
  };
  CHECK(names(refused("data:0"), "--data data:0: neither a folder nor FOLDER:WEIGHT"));
  CHECK(names(refused("data:much"), "--data data:much: neither"));
  CHECK(names(refused("nowhere:2"), "nowhere: No such file or directory"));
  bench.d.write("single/dark/1.ppm", file_bytes(bench.at("data/dark/1.ppm")));
  CHECK(names(refused("single"), "single: one class only (dark)"));
}

TEST_CASE("balanced streams share a source's weight by classes") {
  tools::TrainingData data;
  data.dataset.labels = {"a", "b"};
  data.weights = {3, 1};
  tools::Split split;
  for (uint32_t i = 0; i < 6; ++i) {
    data.dataset.pictures.push_back({"p", i == 0 ? 0u : 1u, ""});
    data.source.push_back(i < 4 ? 0 : 1);
    split.training.push_back(i);
  }
  const std::vector<tools::Stream> streams = tools::training_streams(data, split, 2, true);
  REQUIRE(streams.size() == 3);
  CHECK(streams[0].pictures == std::vector<uint32_t>{0, 0});
  CHECK(streams[0].weight == 1.5);
  CHECK(streams[1].pictures.size() == 6);
  CHECK(streams[1].weight == 1.5);
  CHECK(streams[2].weight == 1);
  CHECK(tools::training_streams(data, split, 0, false).size() == 2);
}

TEST_CASE("--minutes ends by the clock, with at least one epoch scored") {
  const Bench bench;
  const Outcome made = bench.train("all -o out.levit --minutes 0.01 --json");
  CAPTURE(made.err);
  REQUIRE(made.exit == 0);
  const auto report = nlohmann::json::parse(made.out);
  CHECK(report["epochs"] >= 1);
  CHECK(report["training_seconds"] >= 0.6);
}

TEST_CASE("--train head learns what a head learns from cached features in the same order") {
  const Bench bench(12,
                    1000);  // other classes, so that the head begins with zeros as levit_head_create's does
  const size_t epochs = 5, batch = 8;
  REQUIRE(
      bench
          .train("head -o out.levit --val 0 --views 0 --epochs 5 --batch 8 --warmup 1 --rate 0.01 --clip 0 "
                 "--weight-decay 0 --seed 3")
          .exit == 0);
  const tools::ModelFile base(bench.at("model.levit"));
  Context context(base.model(), options_with(0, 24));
  const tools::Dataset dataset = tools::read_dataset({bench.at("data")}, "");
  const size_t count = dataset.pictures.size(), width = base.info().dims[2];
  std::vector<uint8_t> rgb, scratch;
  for (const tools::LabelledPicture& picture : dataset.pictures) {
    const std::vector<uint8_t> one =
        preprocess(tools::load_picture(picture.path).image(), base.info().resize);
    rgb.insert(rgb.end(), one.begin(), one.end());
  }
  std::vector<float> features(count * width);
  check(levit_features(context.get(), {rgb.data(), nullptr}, count, features.data()));
  levit_head_options options = levit_default_head_options(width, 2);
  options.weight_decay = 0;
  size_t bytes = 0;
  check(levit_head_bytes(&options, &bytes));
  Memory memory(bytes);
  levit_head_trainer* trainer = nullptr;
  check(levit_head_create(&options, memory.data(), bytes, &trainer));
  std::vector<uint32_t> order(count), labels(batch);
  std::vector<float> rows(batch * width);
  const size_t batches = (count + batch - 1) / batch;
  for (size_t step = 0; step < epochs * batches; ++step) {
    const size_t first = step % batches * batch, n = std::min(batch, count - first);
    levit_shuffle(3 + static_cast<uint32_t>(step / batches), count, order.data());
    for (size_t i = 0; i < n; ++i) {
      std::copy_n(&features[order[first + i] * width], width, &rows[i * width]);
      labels[i] = dataset.pictures[order[first + i]].label;
    }
    check(levit_head_gradient(trainer, rows.data(), labels.data(), n, nullptr, nullptr));
    check(levit_head_step(trainer, levit_cosine_rate(0.01, step, batches, epochs * batches)));
  }
  std::vector<float> expected(2 * width + 2);
  check(levit_head_get(trainer, expected.data(), expected.data() + 2 * width));
  const std::vector<float> learned = head_of(bench.at("out.levit"));
  REQUIRE(learned.size() == expected.size());
  float furthest = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    furthest = std::max(furthest, std::abs(learned[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  CAPTURE(largest);
  CHECK(largest > 0.01F);
  CHECK(furthest < 1e-5F);
}

}  // namespace levit::tests
