// The loop of training: batches in, steps, held-out pictures after every epoch, and files that are whole at
// every moment.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_TRAINING_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_TRAINING_H_

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/common/output.h"
#include "tools/levit/train/loader.h"
#include "tools/levit/train/log.h"
#include "tools/levit/train/network.h"
#include "tools/levit/train/options.h"
#include "tools/levit/train/state.h"

namespace levit::tools {

enum class TrainEnd { kFinished, kInterrupted, kDiverged };

// The last picture of a class that could still be read was left out. gone: its file is not there any more.
struct NoPictures : std::runtime_error {
  NoPictures(const std::string& what, bool files_gone) : std::runtime_error(what), gone(files_gone) {}
  bool gone;
};

class Training {
 public:
  // state: what the run is, and where it stands. Everything else must outlive this.
  Training(const TrainArguments& arguments, const ModelFile& base, const StartModel& start,
           const Split& split, TrainState state);

  const TrainState& state() const { return state_; }
  const TrainPlace& place() const { return state_.place; }
  size_t trainer_bytes() const { return network_.bytes(); }
  double waiting_share() const { return batch_seconds_ > 0 ? waited_ / batch_seconds_ : 0; }
  bool unwritten() const { return unwritten_; }  // something could not be written to its file
  bool best_written() const { return best_.empty(); }

  void restore(std::string_view trainer) { network_.restore(trainer); }

  // Say so where the folder of the weight files has no room for all that will be written, and where there are
  // too few steps for the mean of --ema.
  void complain_of_space();
  void complain_of_mean() const;

  // Until the end, Ctrl-C, or divergence. Throws NoPictures, with the state written where they may come back.
  TrainEnd run();

  // Where and how it diverged, what is kept, and what to try.
  std::string divergence() const;

 private:
  TrainEnd loop();
  std::unique_ptr<Loader> make_loader();
  const LoadedBatch* next_batch(Loader& loader);
  bool step(const LoadedBatch& batch);
  double hopeless() const;
  bool judged(const EpochRecord& record) const;
  bool is_best(const EpochRecord& record) const;
  void left_out(uint32_t picture, const std::string& cause);
  void take_from_class(uint32_t picture);
  void score_beginning();
  std::optional<TrainEnd> end_epoch();
  HeadScore score_held_out();
  void keep_weights(const EpochRecord& record);
  bool write_weights();
  bool save();
  double seconds() const;
  double time_share() const;
  double rate() const;
  void show_step(const StepResult& result, double rate, size_t pictures);

  const TrainArguments& arguments_;
  const ModelFile& base_;
  const Split& split_;
  TrainState state_;
  ThreadPool pool_;
  Context context_;  // whose instruction set resizes pictures
  std::vector<Stream> streams_;
  std::vector<float> class_weights_;
  std::vector<size_t> left_;  // training pictures by class, without those left out
  size_t samples_, batches_;  // of an epoch
  NetworkTrainer network_;
  TrainLog log_;
  ViewOptions view_;
  std::set<uint32_t> named_;          // pictures whose failure has been said, by an earlier run too
  std::set<uint32_t> missing_;        // those that this run has left out
  std::vector<uint8_t> best_, last_;  // weight files that are still to be written
  std::chrono::steady_clock::time_point start_, saved_, stepped_;
  double seconds_before_;                  // of earlier runs
  double waited_ = 0, batch_seconds_ = 0;  // for batches, and in all between two of them
  double diverged_loss_ = 0;
  const bool knows_classes_;  // what training begins with has answers worth scoring
  bool unwritten_ = false, report_failed_ = false;
  std::optional<Progress> progress_;
  size_t shown_ = 0;  // samples that the line of progress has counted
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_TRAINING_H_
