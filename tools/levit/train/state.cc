#include "tools/levit/train/state.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include "tools/common/atomic_file.h"
#include "tools/common/input_file.h"
#include "tools/levit/dataset/content_hash.h"
#include "weights/layout.h"

namespace levit::tools {
namespace {

using nlohmann::ordered_json;

constexpr char kMagic[] = "LVTRAIN1";
constexpr size_t kMagicBytes = 8, kHeaderBytes = kMagicBytes + 8;

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw std::runtime_error(path + ": " + cause);
}

class Writer {
 public:
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u32(uint32_t value) { weights::store_u32(grow(4), value); }
  void u64(uint64_t value) { weights::store_u64(grow(8), value); }
  void text(std::string_view text) { std::memcpy(grow(text.size()), text.data(), text.size()); }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  uint8_t* grow(size_t bytes) {
    bytes_.resize(bytes_.size() + bytes);
    return bytes_.data() + bytes_.size() - bytes;
  }
  std::vector<uint8_t> bytes_;
};

// Of bytes whose digest was right.
class Reader {
 public:
  Reader(const uint8_t* bytes, size_t count) : at_(bytes), left_(count) {}
  uint8_t u8() { return *take(1); }
  uint32_t u32() { return weights::load_u32(take(4)); }
  uint64_t u64() { return weights::load_u64(take(8)); }
  std::string text(size_t bytes) { return {reinterpret_cast<const char*>(take(bytes)), bytes}; }
  bool done() const { return left_ == 0; }

 private:
  const uint8_t* take(size_t bytes) {
    if (bytes > left_) throw std::runtime_error("ends early");
    left_ -= bytes;
    at_ += bytes;
    return at_ - bytes;
  }
  const uint8_t* at_;
  size_t left_;
};

ordered_json json_of(const EpochRecord& epoch) {
  return {{"loss", epoch.loss},
          {"accuracy", epoch.accuracy},
          {"held_loss", epoch.held_loss},
          {"held_correct", epoch.held_correct},
          {"held_count", epoch.held_count},
          {"pictures_per_second", epoch.pictures_per_second},
          {"best", epoch.best},
          {"step", epoch.step}};
}

EpochRecord epoch_of(const ordered_json& json) {
  return {json.at("loss"),         json.at("accuracy"),   json.at("held_loss"),
          json.at("held_correct"), json.at("held_count"), json.at("pictures_per_second"),
          json.at("best"),         json.at("step")};
}

ordered_json json_of(const TrainPlace& place) {
  ordered_json json = {{"epoch", place.epoch},
                       {"batch", place.batch},
                       {"step", place.step},
                       {"seconds", place.seconds},
                       {"loss_sum", place.loss_sum},
                       {"samples", place.samples},
                       {"correct", place.correct},
                       {"epoch_seconds", place.epoch_seconds},
                       {"first_loss", place.first_loss},
                       {"running_loss", place.running_loss},
                       {"skipped", place.skipped},
                       {"finished", place.finished},
                       {"curve", place.curve.json()},
                       {"before", json_of(place.before)},
                       {"epochs", ordered_json::array()}};
  for (const EpochRecord& epoch : place.epochs) json["epochs"].push_back(json_of(epoch));
  return json;
}

TrainPlace place_of(const ordered_json& json) {
  TrainPlace place;
  place.epoch = json.at("epoch");
  place.batch = json.at("batch");
  place.step = json.at("step");
  place.seconds = json.at("seconds");
  place.loss_sum = json.at("loss_sum");
  place.samples = json.at("samples");
  place.correct = json.at("correct");
  place.epoch_seconds = json.at("epoch_seconds");
  place.first_loss = json.at("first_loss");
  place.running_loss = json.at("running_loss");
  place.skipped = json.at("skipped").get<std::vector<uint32_t>>();
  place.finished = json.at("finished");
  place.curve = StepCurve::from_json(json.at("curve"));
  if (json.contains("before")) place.before = epoch_of(json["before"]);
  for (const auto& epoch : json.at("epochs")) place.epochs.push_back(epoch_of(epoch));
  return place;
}

// The file up to the trainer's state.
std::vector<uint8_t> front(const TrainState& state) {
  const ordered_json json = {{"options", state.options},      {"model", state.model},
                             {"checksum", state.checksum},    {"labels", state.data.dataset.labels},
                             {"weights", state.data.weights}, {"pictures", state.data.files.size()},
                             {"place", json_of(state.place)}};
  const std::string text = json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  Writer writer;
  writer.text({kMagic, kMagicBytes});
  writer.u64(0);
  writer.u64(text.size());
  writer.text(text);
  for (size_t i = 0; i < state.data.files.size(); ++i) {
    const LabelledPicture& picture = state.data.dataset.pictures[i];
    writer.u64(state.data.files[i].content);
    writer.u32(picture.label);
    writer.u32(state.data.source[i]);
    writer.u8(state.data.files[i].error.empty() ? 0 : 1);
    writer.u32(static_cast<uint32_t>(picture.path.size()));
    writer.text(picture.path);
  }
  weights::store_u64(writer.bytes().data() + kMagicBytes, writer.bytes().size() - kHeaderBytes);
  writer.u64(content_hash(writer.bytes().data(), writer.bytes().size()));
  return std::move(writer.bytes());
}

void read_front(Reader reader, TrainState* state) {
  const ordered_json json = ordered_json::parse(reader.text(reader.u64()));
  state->options = json.at("options").get<std::vector<std::pair<std::string, std::string>>>();
  state->model = json.at("model");
  state->checksum = json.at("checksum");
  state->data.dataset.labels = json.at("labels").get<std::vector<std::string>>();
  state->data.weights = json.at("weights").get<std::vector<double>>();
  state->place = place_of(json.at("place"));
  const size_t pictures = json.at("pictures");
  for (size_t i = 0; i < pictures; ++i) {
    PictureFeatures file;
    LabelledPicture picture;
    file.content = reader.u64();
    picture.label = reader.u32();
    state->data.source.push_back(reader.u32());
    file.error = reader.u8() != 0 ? "could not be read when training began" : "";
    picture.path = reader.text(reader.u32());
    state->data.files.push_back(std::move(file));
    state->data.dataset.pictures.push_back(std::move(picture));
  }
  if (!reader.done()) throw std::runtime_error("has more than it says");
}

void check_options(const std::string& path, const TrainState& old, const TrainState& now) {
  for (size_t i = 0; i < now.options.size(); ++i) {
    const auto& [name, value] = now.options[i];
    if (i < old.options.size() && old.options[i] == now.options[i]) continue;
    const bool same_name = i < old.options.size() && old.options[i].first == name;
    fail(path, "a state of other options: " + name + " is " +
                   (same_name ? old.options[i].second : "not known") + " in it and " + value + " here");
  }
}

}  // namespace

size_t TrainPlace::best_epoch() const {
  for (size_t i = epochs.size(); i > 0; --i)
    if (epochs[i - 1].best) return i;
  return 0;
}

void write_train_state(const std::string& path, const TrainState& state, std::string_view trainer) {
  const std::vector<uint8_t> bytes = front(state);
  try {
    write_atomically(path,
                     {std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), trainer});
  } catch (const std::runtime_error& error) {
    fail(path, error.what());
  }
}

TrainStateFile read_train_state(const std::string& path) {
  TrainStateFile file;
  try {
    constexpr size_t kLargest = size_t{1} << 40;
    file.bytes = InputFile(path).read_all(kLargest, "too large for a state of training");
    if (file.bytes.size() < kHeaderBytes || std::memcmp(file.bytes.data(), kMagic, kMagicBytes) != 0)
      throw std::runtime_error("not a state of training");
    const uint64_t length = weights::load_u64(file.bytes.data() + kMagicBytes);
    const size_t left = file.bytes.size() - kHeaderBytes;
    if (left < 8 || length > left - 8) throw std::runtime_error("a damaged state: it ends early");
    const size_t digest_at = kHeaderBytes + static_cast<size_t>(length);
    if (weights::load_u64(file.bytes.data() + digest_at) != content_hash(file.bytes.data(), digest_at))
      throw std::runtime_error("a damaged state: its digest does not fit");
    read_front({file.bytes.data() + kHeaderBytes, static_cast<size_t>(length)}, &file.state);
    const size_t trainer_at = digest_at + 8;
    file.trainer = {reinterpret_cast<const char*>(file.bytes.data()) + trainer_at,
                    file.bytes.size() - trainer_at};
  } catch (const nlohmann::json::exception&) {
    fail(path, "a damaged state");
  } catch (const std::runtime_error& error) {
    fail(path, error.what());
  }
  return file;
}

void check_same_training(const std::string& path, const TrainState& old, const TrainState& now) {
  if (old.checksum != now.checksum)
    fail(path, "a state of another model: it began from \"" + old.model + "\", checksum " + old.checksum +
                   ", and this is \"" + now.model + "\", " + now.checksum);
  check_options(path, old, now);
  const auto list = [](const std::vector<std::string>& labels) {
    std::string text;
    for (const std::string& label : labels) text += (text.empty() ? "" : ", ") + label;
    return text;
  };
  if (old.data.dataset.labels != now.data.dataset.labels)
    fail(path, "a state of other data: its labels are " + list(old.data.dataset.labels) + ", here they are " +
                   list(now.data.dataset.labels));
}

DataChanges compare_data(const std::string& path, const TrainingData& old, const TrainingData& now) {
  const std::vector<LabelledPicture>&before = old.dataset.pictures, &here = now.dataset.pictures;
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < here.size(); ++i) places.emplace(here[i].path, i);
  DataChanges changes;
  std::vector<bool> known(here.size());
  for (size_t i = 0; i < before.size(); ++i) {
    const auto found = places.find(before[i].path);
    const bool there = found != places.end();
    const size_t at = there ? found->second : 0;
    if (there) known[at] = true;
    const bool same =
        there && here[at].label == before[i].label && now.files[at].content == old.files[i].content;
    if (!same && changes.gone++ == 0) changes.first_gone = before[i].path;
  }
  for (const auto& [name, at] : places)
    if (!known[at] && (changes.fresh++ == 0 || name < changes.first_fresh)) changes.first_fresh = name;
  if (2 * changes.gone > before.size())
    fail(path, "a state of other data: " + std::to_string(changes.gone) + " of its " +
                   std::to_string(before.size()) + " pictures are not here as they were, " +
                   changes.first_gone + " for one");
  return changes;
}

}  // namespace levit::tools
