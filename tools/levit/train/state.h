// All that a run of training needs to go on as if it had never stopped, as a file.
//
//   "LVTRAIN1", u64 bytes of what follows, JSON (what training is, how far it is), pictures (u64 content, u32
//   label, u32 source, u8 unreadable, u32 bytes of path, path), u64 digest of all in front of it, and the
//   state of the trainer (levit_train_state), which has a checksum of its own. Numbers are little-endian.
//
// No generator has a state: what is random depends on the seed, the epoch and the place in it.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_STATE_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_STATE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/levit/train/curve.h"
#include "tools/levit/train/data.h"

namespace levit::tools {

struct EpochRecord {
  double loss = 0;      // mean over its samples, before each update
  double accuracy = 0;  // of the same
  double held_loss = 0;
  size_t held_correct = 0, held_count = 0;
  double pictures_per_second = 0;
  bool best = false;  // the least held-out loss so far
  size_t step = 0;    // steps at its end
};

// How far training is.
struct TrainPlace {
  size_t epoch = 0, batch = 0;  // the next batch
  size_t step = 0;              // steps done
  double seconds = 0;           // in all runs so far
  double loss_sum = 0;          // of the samples of this epoch
  size_t samples = 0, correct = 0;
  double epoch_seconds = 0;
  double first_loss = 0, running_loss = 0;
  EpochRecord before;  // held-out pictures by the network that training begins with; count 0: not measured
  std::vector<EpochRecord> epochs;
  std::vector<uint32_t> skipped;  // pictures that could not be read or had changed, by index
  bool finished = false;
  StepCurve curve;

  size_t best_epoch() const;  // from 1; 0: none
};

struct TrainState {
  std::vector<std::pair<std::string, std::string>> options;  // name and value of what decides the bits
  std::string model;                                         // name of the base
  std::string checksum;                                      // of the base
  TrainingData data;
  TrainPlace place;
};

// Throws std::runtime_error "path: cause"; then the file that was there stays.
void write_train_state(const std::string& path, const TrainState& state, std::string_view trainer);

struct TrainStateFile {
  TrainState state;
  std::vector<uint8_t> bytes;
  std::string_view trainer;  // a part of the bytes
};

// Throws std::runtime_error "path: cause": not there, another kind of file, damaged.
TrainStateFile read_train_state(const std::string& path);

// Throws std::runtime_error "path: a state of another ..." naming what differs: the model, an option, the
// labels.
void check_same_training(const std::string& path, const TrainState& old, const TrainState& now);

// What has changed in the data: pictures of the state that are gone or differ, and those that are new, which
// take no part. Throws std::runtime_error "path: a state of other data ..." when more than half of the
// state's pictures are not there as they were.
struct DataChanges {
  size_t gone = 0, fresh = 0;
  std::string first_gone, first_fresh;
};
DataChanges compare_data(const std::string& path, const TrainingData& old, const TrainingData& now);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_STATE_H_
