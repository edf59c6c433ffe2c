// levit finetune --train: from the flags to a run, new or gone on with, and what is said when it ends.
#include "tools/levit/train/train.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/input_file.h"
#include "tools/common/output.h"
#include "tools/common/output_lock.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/train/options.h"
#include "tools/levit/train/report.h"
#include "tools/levit/train/training.h"

namespace levit::tools {
namespace {

class TrainRun {
 public:
  explicit TrainRun(const TrainArguments& arguments)
      : arguments_(arguments), state_path_(arguments.output + ".state"), base_(find_model(arguments.model)) {}

  int run() {
    read_data();
    describe();
    read_old_state();
    hash_data();
    split_ = split_pictures(state_.data, arguments_.held_out);
    complain_of_data();
    const StartModel start(base_, state_.data.dataset.labels);
    complain_of_model(start);
    Training training(arguments_, base_, start, split_, std::move(state_));
    if (resumed_) restore(training);
    training.complain_of_space();
    training.complain_of_mean();
    return report(training, training.place().finished ? TrainEnd::kFinished : training.run());
  }

 private:
  void read_data() {
    std::vector<Source> sources;
    for (const std::string& text : arguments_.sources) sources.push_back(parse_source(text));
    if (sources.empty()) sources.push_back({arguments_.data, 1});
    const bool folders = !sources[0].folders.empty();
    if (!folders && arguments_.labels_csv.empty())
      throw UsageError("no data: name a folder that has a folder for each label, or --labels-csv");
    state_.data = read_training_data(sources, arguments_.labels_csv);
    state_.data.largest_area = arguments_.largest_area;
    check_outputs();
    Dataset& dataset = state_.data.dataset;
    if (dataset.labels.size() < 2)
      throw std::runtime_error((folders ? sources[0].folders[0] : arguments_.labels_csv) +
                               ": one class only (" + dataset.labels[0] +
                               "); a network tells at least two apart");
    dataset = in_order_of(base_, std::move(dataset));
  }

  // What would be found out only after the long part. The base is read again by --resume.
  void check_outputs() {
    std::vector<std::string> inputs = {arguments_.labels_csv, base_.path()};
    for (const LabelledPicture& picture : state_.data.dataset.pictures) inputs.push_back(picture.path);
    check_output_path(arguments_.output);
    if (!arguments_.report.empty()) check_output_path(arguments_.report);
    refuse_same_output({arguments_.output, arguments_.output + ".last", state_path_,
                        arguments_.output + ".lock", arguments_.log, arguments_.report});
    lock_.emplace(arguments_.output);
    for (const std::string& output : {arguments_.output, arguments_.output + ".last", state_path_})
      remove_unfinished(output);
    for (const std::string& output :
         {arguments_.output, arguments_.output + ".last", state_path_, arguments_.log, arguments_.report})
      refuse_input_as_output(output, inputs);
  }

  // What this run is, to be compared with a state.
  void describe() {
    const Context context(base_.model(), context_options(arguments_));
    state_.options = deciding_options(arguments_, state_.data.weights, context.target());
    state_.model = base_.info().name;
    state_.checksum = hexadecimal(base_.info().checksum);
  }

  void read_old_state() {
    const bool resume = arguments_.resume;
    if (!std::filesystem::exists(state_path_)) {
      if (resume) complain(state_path_ + " is not there; training begins");
      return;
    }
    old_ = read_train_state(state_path_);
    if (!resume && old_.state.place.finished) return;
    if (!resume)
      throw std::runtime_error(state_path_ + " holds a run that has not ended, after " +
                               counted(old_.state.place.step, "step") +
                               "; go on with it by --resume, or remove it");
    check_same_training(state_path_, old_.state, state_);
    const size_t best = old_.state.place.best_epoch();
    if (best > 0 && !std::filesystem::exists(arguments_.output))
      throw std::runtime_error(arguments_.output + ": this run's best epoch, " + std::to_string(best) +
                               ", was written there and is gone; bring it back, or remove " + state_path_ +
                               " to begin again");
    resumed_ = true;
  }

  // A run that goes on keeps the pictures that it began with.
  void hash_data() {
    if (!hash_files(&state_.data, arguments_.threads > 0 ? arguments_.threads : machine_threads()))
      throw Interrupted();
    if (!resumed_) return;
    const DataChanges changes = compare_data(state_path_, old_.state.data, state_.data);
    if (changes.gone > 0)
      complain("since training began " + counted(changes.gone, "picture") + " went or changed, " +
               changes.first_gone + " for one; left out from here on");
    if (changes.fresh > 0)
      complain("since training began " + counted(changes.fresh, "picture") + " came, " + changes.first_fresh +
               " for one; none takes part in a run that goes on");
    old_.state.data.largest_area = state_.data.largest_area;
    state_.data = std::move(old_.state.data);
    state_.place = std::move(old_.state.place);
  }

  void restore(Training& training) {
    try {
      training.restore(old_.trainer);
    } catch (const std::runtime_error&) {  // which speaks of a weight file, the one inside
      throw std::runtime_error(state_path_ +
                               ": a damaged state: its network does not fit its checksum or its size");
    }
    old_ = {};
  }

  void complain_of_data() const {
    complain_of_unreadable(state_.data.dataset, state_.data.files);
    if (split_.in_two_classes > 0)
      complain("found " + counted(split_.in_two_classes, "picture") + " in another class too");
    if (arguments_.held_out > 0 && split_.held_out.empty())
      complain("no picture is held out of " + std::to_string(split_.training.size()) +
               ": nothing says how good the network is on others");
    for (size_t k = 0; k < split_.held_by.size() && !split_.held_out.empty(); ++k)
      if (split_.held_by[k] == 0) {
        complain("no picture of class \"" + state_.data.dataset.labels[k] +
                 "\" is held out: nothing says how good the network is on others of it");
        break;
      }
  }

  void complain_of_model(const StartModel& start) const {
    const levit_dtype type = base_.info().dtype;
    if (type != LEVIT_F32)
      complain(base_.path() + " is in " + (type == LEVIT_Q8 ? "q8" : "fp16") +
               "; it is widened to fp32 for training, and " + arguments_.output + " is in fp32");
    if (!start.change().empty()) complain(base_.path() + " " + start.change());
  }

  int report(const Training& training, TrainEnd end) const {
    const TrainPlace& place = training.place();
    if (end == TrainEnd::kInterrupted) {
      complain(
          "stopped in epoch " + std::to_string(place.epoch + 1) + " after " + counted(place.step, "step") +
          "; " +
          (training.unwritten() ? "not all could be written (see above)" : "--resume goes on from there"));
      return kInterruptedExit;
    }
    if (end == TrainEnd::kDiverged && place.best_epoch() == 0)
      throw std::runtime_error(training.divergence());
    if (place.best_epoch() > 0) print(arguments_.json ? json(training, end) : text(training));
    complain_of_loss(place);
    if (place.skipped.size() > 0)
      complain("left out " + counted(place.skipped.size(), "picture") +
               " that could not be read or had changed");
    if (end == TrainEnd::kDiverged) throw std::runtime_error(training.divergence());
    if (training.unwritten())
      complain(std::string("not all could be written (see above); ") +
               (std::filesystem::exists(state_path_) ? "--resume goes on from the last state that was"
                                                     : "no state was, to go on from"));
    const bool whole = place.skipped.empty() && split_.unreadable == 0 && !training.unwritten();
    return whole ? 0 : kFailedExit;
  }

  void complain_of_loss(const TrainPlace& place) const {
    if (place.before.held_count == 0 || place.best_epoch() == 0) return;
    const EpochRecord& best = place.epochs[place.best_epoch() - 1];
    if (best.held_count > 0 && best.held_loss >= place.before.held_loss)
      complain("no epoch has a smaller held-out loss than the network before training; " + arguments_.output +
               " is the best epoch all the same. Try a smaller --rate" +
               (arguments_.views > 0 ? "" : ", --views 1") + " or more pictures");
  }

  static std::string row(const char* name, const std::string& value) {
    return padded(name, 12) + value + "\n";
  }

  std::string text(const Training& training) const {
    const TrainPlace& place = training.place();
    double samples = 0, took = 0;
    for (const EpochRecord& epoch : place.epochs) {
      samples += 1;
      took += 1 / epoch.pictures_per_second;
    }
    return row("classes", classes_text(training.state(), split_)) +
           row("network", arguments_.part + " of " + base_.info().name) +
           row("training", settings_text(arguments_, place) + ", " + fixed(place.seconds, 1) + " s, " +
                               fixed(samples / took, 1) + " pictures per second, " +
                               fixed(100 * training.waiting_share(), 1) + " % of it waiting for pictures") +
           row("memory",
               fixed(static_cast<double>(training.trainer_bytes()) / 1e6, 0) + " MB of the trainer") +
           (place.before.held_count > 0 ? row("before", held_out_text(place.before)) : "") +
           row("held out", held_out_text(place.epochs[place.best_epoch() - 1])) +
           row(training.best_written() ? "written" : "not written", arguments_.output);
  }

  static nlohmann::ordered_json held_json(const EpochRecord& record) {
    nlohmann::ordered_json json = {{"n", record.held_count}};
    if (record.held_count == 0) return json;
    const auto held = static_cast<double>(record.held_count),
               right = static_cast<double>(record.held_correct);
    const Range reach = wilson_interval(right, held);
    json["loss"] = record.held_loss;
    json["accuracy"] = {{"value", right / held}, {"low", reach.low}, {"high", reach.high}};
    return json;
  }

  std::string json(const Training& training, TrainEnd end) const {
    const TrainPlace& place = training.place();
    const EpochRecord& best = place.epochs[place.best_epoch() - 1];
    nlohmann::ordered_json json;
    json["output"] = arguments_.output;
    json["written"] = training.best_written();
    json["labels"] = training.state().data.dataset.labels;
    json["train"] = arguments_.part;
    json["pictures"] = split_.training.size() + split_.held_out.size();
    json["unreadable"] = split_.unreadable;
    json["left_out"] = place.skipped.size();
    json["training_seconds"] = place.seconds;
    json["pictures_per_second"] = place.epochs.back().pictures_per_second;
    json["waiting_share"] = training.waiting_share();
    json["trainer_bytes"] = training.trainer_bytes();
    json["steps"] = place.step;
    json["epochs"] = place.epochs.size();
    json["best_epoch"] = place.best_epoch();
    json["loss"] = place.epochs.back().loss;
    if (place.before.held_count > 0) json["before"] = held_json(place.before);
    json["held_out"] = held_json(best);
    json["diverged"] = end == TrainEnd::kDiverged;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  const TrainArguments& arguments_;
  const std::string state_path_;
  std::optional<OutputLock> lock_;  // before anything beside the output is touched
  ModelFile base_;
  TrainState state_;
  TrainStateFile old_;  // of an earlier run, until it is taken over
  bool resumed_ = false;
  Split split_;
};

}  // namespace

int train_network(const TrainArguments& arguments) {
  return TrainRun(arguments).run();
}

}  // namespace levit::tools
