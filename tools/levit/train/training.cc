#include "tools/levit/train/training.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/input_file.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/finetune/head_file.h"
#include "tools/levit/train/report.h"

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSampleBytes = size_t{LEVIT_SIDE} * LEVIT_SIDE * 3;
constexpr size_t kBatchesAhead = 4;
constexpr size_t kNamedFailures = 20;  // pictures that are named one by one
constexpr double kMemory = 0.98;       // of the running mean of the loss
constexpr size_t kGrain = 1'000'000;   // steps that --minutes is cut into

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// No batch has more pictures than an epoch, and memory goes by the batch.
levit_train_options trainer_options(const TrainArguments& arguments, const std::vector<float>& class_weights,
                                    size_t samples) {
  levit_train_options options = library_options(arguments, class_weights);
  options.batch = static_cast<uint32_t>(std::min(arguments.batch, samples));
  return options;
}

}  // namespace

Training::Training(const TrainArguments& arguments, const ModelFile& base, const StartModel& start,
                   const Split& split, TrainState state)
    : arguments_(arguments),
      base_(base),
      split_(split),
      state_(std::move(state)),
      pool_(arguments.threads > 0 ? arguments.threads : machine_threads()),
      context_(base.model(), context_options(arguments)),
      streams_(training_streams(state_.data, split, arguments.views, arguments.balance)),
      class_weights_(arguments.class_weights == "balanced" ? balanced_weights(split.trained_by)
                                                           : std::vector<float>()),
      left_(split.trained_by),
      samples_(split.training.size() * std::max<size_t>(1, arguments.views)),
      batches_((samples_ + arguments.batch - 1) / arguments.batch),
      network_(start.model(), trainer_options(arguments, class_weights_, samples_), pool_),
      log_(arguments.log, state_.place.step),
      seconds_before_(state_.place.seconds),
      knows_classes_(start.knows_classes()) {
  view_.resize = base.info().resize;
  view_.ignore_orientation = arguments.ignore_orientation;
  view_.equalise = arguments.equalise;
  view_.seed = arguments.fit.seed;
  named_.insert(state_.place.skipped.begin(), state_.place.skipped.end());
}

void Training::complain_of_space() {
  const std::string& output = arguments_.output;
  const size_t weights = exported(network_.model(), "", "").size(), state = network_.state().size();
  size_t bytes = weights + state + (split_.held_out.empty() ? 0 : weights);
  bytes += std::max(weights, state);  // the one before stays until a new one is whole
  std::error_code error;
  size_t free = 0;
  for (const std::string& file : {output, output + ".last", output + ".state"}) {
    const uintmax_t there = std::filesystem::file_size(file, error);
    if (!error) free += there;
  }
  const std::string parent = std::filesystem::path(output).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error || (free += space.available) >= bytes) return;
  const auto megabytes = [](size_t count) { return fixed(static_cast<double>(count) / 1e6, 0) + " MB"; };
  complain(folder + ": " + megabytes(free) + " are free, and training writes up to " + megabytes(bytes) +
           " there; what does not fit will be lost");
}

void Training::complain_of_mean() const {
  constexpr double kMuch = 0.1;  // of what the network was before training
  const size_t steps = arguments_.fit.epochs * batches_;
  const double kept = arguments_.mean > 0 ? std::pow(arguments_.mean, static_cast<double>(steps)) : 0;
  if (arguments_.minutes > 0 || kept < kMuch) return;
  complain("after " + counted(steps, "step") + " the mean of --ema " + short_number(arguments_.mean) +
           " is still " + fixed(100 * kept, 1) +
           " % the network before training; a smaller decay follows faster");
}

TrainEnd Training::run() {
  start_ = saved_ = stepped_ = Clock::now();
  TrainEnd end = TrainEnd::kInterrupted;
  try {
    end = loop();
  } catch (const Interrupted&) {  // while a batch was prepared or held-out pictures were scored
  } catch (const NoPictures& error) {
    progress_.reset();
    if (!error.gone || state_.place.step == 0 || !save()) throw;
    throw std::runtime_error(std::string(error.what()) + "; --resume goes on when they are back");
  }
  progress_.reset();
  state_.place.finished = end == TrainEnd::kFinished;
  if (end != TrainEnd::kDiverged) unwritten_ = !save();
  unwritten_ = unwritten_ || report_failed_ || log_.failed();
  return end;
}

TrainEnd Training::loop() {
  TrainPlace& place = state_.place;
  if (place.step == 0 && knows_classes_ && !split_.held_out.empty()) score_beginning();
  if (place.batch == batches_) {  // stopped while held-out pictures were scored
    if (const auto end = end_epoch()) return *end;
  }
  const std::unique_ptr<Loader> loader = make_loader();
  if (arguments_.minutes > 0) {
    progress_.emplace(static_cast<size_t>(60 * arguments_.minutes * (1 - time_share())), "seconds");
  } else {
    progress_.emplace((arguments_.fit.epochs - place.epoch) * samples_ - place.batch * arguments_.batch,
                      "pictures");
  }
  while (const LoadedBatch* const batch = next_batch(*loader)) {
    for (const LoadFailure& failure : batch->failures) left_out(failure.picture, failure.cause);
    if (!batch->pictures.empty() && !step(*batch)) return TrainEnd::kDiverged;
    ++place.batch;
    place.seconds = seconds();
    if (batch->last || time_share() >= 1) {
      place.batch = batches_;
      if (const auto end = end_epoch()) return *end;
      stepped_ = Clock::now();
    }
    if (interrupted()) return TrainEnd::kInterrupted;
    if (since(saved_) >= 60 * arguments_.save_every) save();
  }
  return TrainEnd::kInterrupted;
}

std::unique_ptr<Loader> Training::make_loader() {
  LoaderOptions options;
  options.threads = pool_.threads();
  options.batch = arguments_.batch;
  options.ahead = kBatchesAhead;
  options.sample_bytes = kSampleBytes;
  options.epochs = arguments_.minutes > 0 ? std::numeric_limits<size_t>::max() : arguments_.fit.epochs;
  options.first_epoch = state_.place.epoch;
  options.first_batch = state_.place.batch;
  options.order = [this](size_t epoch) {
    return epoch_order(streams_, samples_, arguments_.fit.seed, epoch);
  };
  const auto scratch = std::make_shared<std::vector<std::vector<uint8_t>>>(options.threads);
  const auto all = static_cast<double>(arguments_.fit.epochs * samples_);
  options.prepare = [this, scratch, all](uint32_t picture, uint64_t number, size_t worker, uint8_t* out) {
    const double done = arguments_.minutes > 0 ? time_share() : static_cast<double>(number) / all;
    make_sample(context_.get(), state_.data, picture, view_, view_of(number, done, arguments_.views),
                &(*scratch)[worker], out);
  };
  return std::make_unique<Loader>(std::move(options));
}

const LoadedBatch* Training::next_batch(Loader& loader) {
  const double before = loader.waited();
  const LoadedBatch* const batch = loader.next();
  waited_ += loader.waited() - before;
  return batch;
}

// False when it diverges.
bool Training::step(const LoadedBatch& batch) {
  TrainPlace& place = state_.place;
  std::vector<uint32_t> labels;
  for (const uint32_t picture : batch.pictures) labels.push_back(state_.data.dataset.pictures[picture].label);
  const double rate = this->rate();
  const StepResult result = network_.step(batch.samples.data(), labels, rate);
  if (place.step == 0) place.first_loss = place.running_loss = result.loss;
  place.running_loss = kMemory * place.running_loss + (1 - kMemory) * result.loss;
  if (result.status != LEVIT_OK || !(place.running_loss < hopeless())) {
    diverged_loss_ = result.loss;
    return false;
  }
  const auto count = static_cast<double>(labels.size());
  ++place.step;
  place.loss_sum += count * result.loss;
  place.samples += labels.size();
  place.correct += result.correct;
  place.curve.add(place.step, result.loss, rate, result.norm);
  show_step(result, rate, labels.size());
  return true;
}

// A loss that no training comes back from.
double Training::hopeless() const {
  const double chance = std::log(static_cast<double>(state_.data.dataset.labels.size()));
  return 4 * std::max(state_.place.first_loss, chance) + 4;
}

void Training::show_step(const StepResult& result, double rate, size_t pictures) {
  const TrainPlace& place = state_.place;
  const double took = since(stepped_);
  stepped_ = Clock::now();
  batch_seconds_ += took;
  state_.place.epoch_seconds += took;
  log_.write({{"epoch", place.epoch + 1},
              {"step", place.step},
              {"loss", result.loss},
              {"rate", rate},
              {"norm", result.norm},
              {"pictures_per_second", static_cast<double>(pictures) / took}});
  const bool timed = arguments_.minutes > 0;
  shown_ += pictures;
  const std::string note = "epoch " + std::to_string(place.epoch + 1) +
                           (timed ? "" : " of " + std::to_string(arguments_.fit.epochs)) + ", loss " +
                           fixed(place.running_loss, 4) + ", rate " + short_number(rate);
  progress_->update(timed ? static_cast<size_t>(since(start_)) : shown_, note);
}

void Training::left_out(uint32_t picture, const std::string& cause) {
  if (named_.insert(picture).second) {
    state_.place.skipped.push_back(picture);
    const size_t count = state_.place.skipped.size();
    if (count <= kNamedFailures) complain(state_.data.dataset.pictures[picture].path + ": " + cause);
    if (count == kNamedFailures + 1) complain("more pictures are left out; they are counted");
  }
  if (missing_.insert(picture).second) take_from_class(picture);
}

// A network that learns without one of its classes looks right and never answers with it.
void Training::take_from_class(uint32_t picture) {
  if (is_held_out(state_.data.files[picture].content, arguments_.held_out)) return;
  const LabelledPicture& last = state_.data.dataset.pictures[picture];
  std::error_code error;
  if (--left_[last.label] == 0)
    throw NoPictures("class \"" + state_.data.dataset.labels[last.label] +
                         "\": none of its pictures to train with can be read, " + last.path + " for one",
                     !std::filesystem::exists(last.path, error));
}

// Whether as many held-out pictures were there as make epochs comparable: half of the most that ever were.
bool Training::judged(const EpochRecord& record) const {
  size_t most = record.held_count;
  for (const EpochRecord& epoch : state_.place.epochs) most = std::max(most, epoch.held_count);
  return record.held_count > 0 && 2 * record.held_count >= most;
}

// With nothing held out, the last one is.
bool Training::is_best(const EpochRecord& record) const {
  const size_t best = state_.place.best_epoch();
  if (best == 0 || split_.held_out.empty()) return true;
  const EpochRecord& before = state_.place.epochs[best - 1];
  return judged(record) && (!judged(before) || record.held_loss < before.held_loss);
}

// What the epochs have to be better than.
void Training::score_beginning() {
  const HeadScore score = score_held_out();
  EpochRecord& before = state_.place.before;
  before.held_loss = score.loss;
  before.held_correct = score.correct;
  before.held_count = score.count;
  log_.write(epoch_json(0, before));
  complain("before training; held out: " + held_out_text(before));
  stepped_ = Clock::now();
}

// What ends training, if anything does.
std::optional<TrainEnd> Training::end_epoch() {
  TrainPlace& place = state_.place;
  if (place.samples == 0)
    throw std::runtime_error("none of the pictures to train with can be read any more, " +
                             state_.data.dataset.pictures[split_.training[0]].path + " for one");
  const NetworkTrainer::UseMean mean(network_);
  const HeadScore score = score_held_out();
  // Held-out pictures may be of another kind than those that hopeless() was made for.
  if (score.count > 0 && !(score.loss < 10 * hopeless())) {
    diverged_loss_ = score.loss;
    return TrainEnd::kDiverged;
  }
  const auto samples = static_cast<double>(place.samples);
  EpochRecord record = {place.loss_sum / samples,
                        static_cast<double>(place.correct) / samples,
                        score.loss,
                        score.correct,
                        score.count,
                        samples / place.epoch_seconds,
                        false,
                        place.step};
  record.best = is_best(record);
  place.epochs.push_back(record);
  place.loss_sum = place.epoch_seconds = 0;
  place.samples = place.correct = 0;
  ++place.epoch;
  place.batch = 0;
  keep_weights(record);
  log_.write(epoch_json(place.epoch, record));
  complain(epoch_line(place.epoch, record));
  const bool patient = !judged(record) || place.epoch - place.best_epoch() < arguments_.fit.patience;
  const bool over = arguments_.minutes > 0 ? time_share() >= 1 : place.epoch == arguments_.fit.epochs;
  place.seconds = seconds();  // scoring and writing count too
  if (over || !patient) return TrainEnd::kFinished;
  return std::nullopt;
}

HeadScore Training::score_held_out() {
  const std::vector<uint32_t>& held = split_.held_out;
  std::vector<std::vector<uint8_t>> scratch(pool_.threads());
  Examples examples;
  examples.count = held.size();
  examples.sample = [&](size_t index, size_t worker, uint8_t* out) {
    make_sample(context_.get(), state_.data, held[index], view_, 0, &scratch[worker], out);
  };
  examples.label = [&](size_t index) { return state_.data.dataset.pictures[held[index]].label; };
  examples.failed = [&](size_t index, const std::string& cause) { left_out(held[index], cause); };
  const size_t batch = std::min(arguments_.batch, std::max<size_t>(1, held.size()));
  return score_network(network_.model(), examples, chosen_target(arguments_.target), batch, pool_);
}

// The files of this epoch; what cannot be written now is tried again with the next state.
void Training::keep_weights(const EpochRecord& record) {
  const std::string name =
      arguments_.name.empty() ? taught_name(base_.info().name, arguments_.part == "head" ? "head" : "network",
                                            state_.data.dataset.labels)
                              : arguments_.name;
  last_ = exported(network_.model(), name, run_note(arguments_, base_, split_, state_));
  if (record.best) best_ = last_;
  if (split_.held_out.empty()) last_.clear();  // the best is the last
  write_weights();
  if (arguments_.report.empty()) return;
  report_failed_ = false;
  const std::string page = training_report(arguments_, base_, split_, state_);
  try {
    write_atomically(arguments_.report, {std::string_view(page)});
  } catch (const std::runtime_error& error) {
    report_failed_ = true;
    complain(arguments_.report + ": " + error.what());
  }
}

bool Training::write_weights() {
  const auto write = [](const std::string& path, std::vector<uint8_t>* image) {
    if (image->empty()) return;
    try {
      write_atomically(path, *image);
      image->clear();
    } catch (const std::runtime_error& error) {
      complain(path + ": " + error.what());
    }
  };
  write(arguments_.output, &best_);
  write(arguments_.output + ".last", &last_);
  return best_.empty() && last_.empty();
}

// A state never says more than the weight files hold, so that what it leaves to do is all there is to do.
bool Training::save() {
  saved_ = Clock::now();
  if (!write_weights()) return false;
  try {
    write_train_state(arguments_.output + ".state", state_, network_.state());
  } catch (const std::runtime_error& error) {
    complain(std::string(error.what()) + "; the state that was there stays");
    return false;
  }
  saved_ = Clock::now();
  return true;
}

double Training::seconds() const {
  return seconds_before_ + since(start_);
}

// Of --minutes; 0 without.
double Training::time_share() const {
  const double minutes = arguments_.minutes;
  return minutes > 0 ? std::min(1.0, seconds() / (60 * minutes)) : 0;
}

double Training::rate() const {
  const double peak = peak_rate(arguments_);
  if (arguments_.minutes > 0)
    return levit_cosine_rate(peak, static_cast<size_t>(time_share() * kGrain), kGrain / 20, kGrain);
  const size_t steps = arguments_.fit.epochs * batches_;
  return epoch_rate(peak, warmup_epochs(arguments_), batches_,
                    state_.place.epoch * batches_ + state_.place.batch, steps);
}

std::string Training::divergence() const {
  const TrainPlace& place = state_.place;
  const size_t best = place.best_epoch();
  return "training diverged in epoch " + std::to_string(place.epoch + 1) + " behind step " +
         std::to_string(place.step) + ": the loss went from " + fixed(place.first_loss, 3) + " to " +
         short_number(diverged_loss_) + ". " +
         (best > 0 ? arguments_.output + " holds epoch " + std::to_string(best) + ", the best before that"
                   : arguments_.output + " is not written") +
         ". Try a smaller --rate (it was " + short_number(peak_rate(arguments_)) + ")" +
         (arguments_.clip > 0 ? "" : ", --clip 1") + " or a longer --warmup";
}

}  // namespace levit::tools
