// The file that a run of training goes on from.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/scratch_directory.h"
#include "tests/tools/checkpoint_files.h"
#include "tools/levit/train/log.h"
#include "tools/levit/train/state.h"

namespace levit::tests {
namespace {

using namespace tools;

TrainState some_state() {
  TrainState state;
  state.options = {{"--train", "all"}, {"--rate", "0.001"}};
  state.model = "a model";
  state.checksum = "0123";
  state.data.dataset.labels = {"ai", "real"};
  state.data.weights = {1, 3};
  for (uint32_t i = 0; i < 5; ++i) {
    state.data.dataset.pictures.push_back({"data/\xff" + std::to_string(i), i % 2, ""});
    state.data.source.push_back(i / 3);
    PictureFeatures file;
    file.content = 1000 + i;
    file.error = i == 4 ? "Permission denied" : "";
    state.data.files.push_back(file);
  }
  TrainPlace& place = state.place;
  place.epoch = 2;
  place.batch = 7;
  place.step = 107;
  place.seconds = 1.0 / 3;
  place.loss_sum = 0.1 + 0.2;
  place.samples = 112;
  place.correct = 99;
  place.running_loss = 0.7;
  place.skipped = {3};
  place.epochs = {{0.6, 0.7, 0.65, 15, 20, 61.5, true, 50}, {0.5, 0.8, 0.66, 14, 20, 60, false, 100}};
  for (size_t step = 1; step <= 1500; ++step) place.curve.add(step, 1.0 / static_cast<double>(step), 0.1, 2);
  return state;
}

}  // namespace

TEST_CASE("a state comes back from its file as it was") {
  const ScratchDirectory d;
  const std::string path = (d.path() / "state").string();
  const TrainState state = some_state();
  write_train_state(path, state, "trainer bytes");
  const TrainStateFile file = read_train_state(path);
  CHECK(file.trainer == "trainer bytes");
  CHECK(file.state.options == state.options);
  CHECK(file.state.data.dataset.labels == state.data.dataset.labels);
  CHECK(file.state.data.source == state.data.source);
  for (size_t i = 0; i < 5; ++i) {
    CHECK(file.state.data.dataset.pictures[i].path == state.data.dataset.pictures[i].path);
    CHECK(file.state.data.dataset.pictures[i].label == state.data.dataset.pictures[i].label);
    CHECK(file.state.data.files[i].content == state.data.files[i].content);
    CHECK(file.state.data.files[i].error.empty() == state.data.files[i].error.empty());
  }
  const TrainPlace& place = file.state.place;
  CHECK(place.step == 107);
  CHECK(place.seconds == state.place.seconds);
  CHECK(place.loss_sum == state.place.loss_sum);
  CHECK(place.skipped == state.place.skipped);
  CHECK(place.best_epoch() == 1);
  CHECK(place.epochs[1].held_loss == 0.66);
  CHECK(place.curve.points().size() == state.place.curve.points().size());
  CHECK(place.curve.json() == state.place.curve.json());
  // Written again it is the same file.
  const std::string before = file_bytes(path);
  write_train_state(path, file.state, file.trainer);
  CHECK(file_bytes(path) == before);
}

TEST_CASE("a state that is cut off or damaged anywhere in front of the trainer's is refused") {
  const ScratchDirectory d;
  const std::string path = (d.path() / "state").string();
  write_train_state(path, some_state(), "");
  const std::string whole = file_bytes(path);
  for (size_t at = 0; at < whole.size(); at += 97) {
    CAPTURE(at);
    d.write("state", whole.substr(0, at));
    CHECK(names(thrown_by([&] { read_train_state(path); }), path + ": "));
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    d.write("state", damaged);
    CHECK(names(thrown_by([&] { read_train_state(path); }), path + ": "));
  }
  d.write("state", "another kind of file altogether");
  CHECK(thrown_by([&] { read_train_state(path); }) == path + ": not a state of training");
}

TEST_CASE("a state of another model, option, labels or data is refused by name") {
  const TrainState state = some_state();
  check_same_training("s", state, state);
  TrainState other = state;
  other.checksum = "9999";
  CHECK(names(thrown_by([&] { check_same_training("s", state, other); }), "s: a state of another model"));
  other = state;
  other.options[1].second = "0.1";
  CHECK(thrown_by([&] { check_same_training("s", state, other); }) ==
        "s: a state of other options: --rate is 0.001 in it and 0.1 here");
  other = state;
  other.data.dataset.labels = {"ai", "photo"};
  CHECK(names(thrown_by([&] { check_same_training("s", state, other); }),
              "its labels are ai, real, here they are ai, photo"));
  other = state;
  other.data.dataset.pictures[0].path = "data/new";
  other.data.files[1].content = 1;
  const DataChanges changes = compare_data("s", state.data, other.data);
  CHECK(changes.gone == 2);
  CHECK(changes.first_gone == state.data.dataset.pictures[0].path);
  CHECK(changes.fresh == 1);
  CHECK(changes.first_fresh == "data/new");
  other.data.files[2].content = 1;
  CHECK(names(thrown_by([&] { compare_data("s", state.data, other.data); }),
              "s: a state of other data: 3 of its 5 pictures are not here as they were"));
}

TEST_CASE("a full disk is said, and the state that was there stays") {
  const ScratchDirectory d;
  const std::string path = (d.path() / "state").string();
  write_train_state(path, some_state(), "the old one");
  const std::string old = file_bytes(path);
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit small = {old.size() + 10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string cause = thrown_by([&] { write_train_state(path, some_state(), std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(cause == path + ": File too large; nothing of it is left");
  CHECK(file_bytes(path) == old);
  CHECK(std::distance(std::filesystem::directory_iterator(d.path()), {}) == 1);
}

TEST_CASE("a log goes on behind the step of the state and forgets what came later") {
  const ScratchDirectory d;
  const std::string path = (d.path() / "log").string();
  {
    TrainLog log(path, 0);
    for (int step = 1; step < 6; ++step) log.write({{"step", step}, {"loss", 0.5}});
  }
  std::ofstream(path, std::ios::app) << "{\"step\": 6, \"lo";
  {
    TrainLog log(path, 3);
    log.write({{"step", 4}, {"loss", 0.25}});
  }
  CHECK(file_bytes(path) ==
        "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3,\"loss\":0.5}\n"
        "{\"step\":4,\"loss\":0.25}\n");
  TrainLog none("", 0);
  none.write({{"step", 1}});
  CHECK(!none.failed());
}

}  // namespace levit::tests
