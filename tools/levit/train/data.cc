#include "tools/levit/train/data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "tools/common/input_file.h"
#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {
namespace {

std::vector<uint8_t> read_file(const std::string& path) {
  constexpr size_t kLargest = size_t{4} << 30;
  return InputFile(path).read_all(kLargest, "larger than 4 GiB, no picture");
}

}  // namespace

Source parse_source(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::error_code error;
  if (colon == std::string::npos || std::filesystem::exists(text, error)) return {{text}, 1};
  double weight = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data() + colon + 1, end, weight);
  if (failure != std::errc() || rest != end || !(weight > 0) || !std::isfinite(weight))
    throw std::runtime_error("--data " + text + ": neither a folder nor FOLDER:WEIGHT with a weight above 0");
  return {{text.substr(0, colon)}, weight};
}

TrainingData read_training_data(const std::vector<Source>& sources, const std::string& labels_csv) {
  TrainingData data;
  std::vector<Dataset> parts;
  std::set<std::string> labels;
  std::vector<std::string> folders;
  for (const Source& source : sources)
    folders.insert(folders.end(), source.folders.begin(), source.folders.end());
  refuse_same_folder(folders);
  for (const Source& source : sources) {
    parts.push_back(read_dataset(source.folders, labels_csv));
    labels.insert(parts.back().labels.begin(), parts.back().labels.end());
    data.weights.push_back(source.weight);
  }
  data.dataset.labels.assign(labels.begin(), labels.end());
  for (size_t s = 0; s < parts.size(); ++s) {
    const Dataset part = with_labels(std::move(parts[s]), data.dataset.labels);
    data.dataset.pictures.insert(data.dataset.pictures.end(), part.pictures.begin(), part.pictures.end());
    data.dataset.skipped += part.skipped;
    data.source.resize(data.dataset.pictures.size(), static_cast<uint32_t>(s));
  }
  return data;
}

Split split_pictures(const TrainingData& data, double held_out) {
  FeatureTable without_features;
  without_features.pictures = data.files;
  const LearningSet set = make_learning_set(data.dataset, without_features, held_out);
  Split split = {{}, {}, set.trained_by, set.held_by, set.unreadable, set.in_two_classes};
  for (size_t i = 0; i < data.files.size(); ++i) {
    if (!data.files[i].error.empty()) continue;
    const bool held = is_held_out(data.files[i].content, held_out);
    (held ? split.held_out : split.training).push_back(static_cast<uint32_t>(i));
  }
  return split;
}

bool hash_files(TrainingData* data, size_t threads) {
  const std::vector<LabelledPicture>& pictures = data->dataset.pictures;
  data->files.assign(pictures.size(), {});
  Progress progress(pictures.size(), "files read");
  ThreadPool pool(threads);
  OrderedRun run{pictures.size(), pictures.size(), {}, {}, interrupted};
  run.work = [&](size_t index, size_t, size_t) {
    PictureFeatures& file = data->files[index];
    try {
      if (!pictures[index].error.empty()) throw std::runtime_error(pictures[index].error);
      const std::vector<uint8_t> bytes = read_file(pictures[index].path);
      file.content = content_hash(bytes.data(), bytes.size());
    } catch (const std::runtime_error& error) {
      file.error = error.what();
    }
  };
  run.emit = [&](size_t index, size_t) { progress.update(index + 1); };
  return run_ordered(pool, run) == pictures.size();
}

std::vector<Stream> training_streams(const TrainingData& data, const Split& split, size_t views,
                                     bool balance) {
  const size_t classes = data.dataset.labels.size();
  std::vector<Stream> all(data.weights.size() * (balance ? classes : 1));
  for (const uint32_t picture : split.training) {
    const uint32_t source = data.source[picture];
    Stream& stream = all[balance ? source * classes + data.dataset.pictures[picture].label : source];
    stream.pictures.insert(stream.pictures.end(), std::max<size_t>(1, views), picture);
  }
  std::vector<Stream> streams;
  for (size_t source = 0; source < data.weights.size(); ++source) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(all.size() / data.weights.size() * source);
    const auto end = first + static_cast<std::ptrdiff_t>(all.size() / data.weights.size());
    const auto used = std::count_if(first, end, [](const Stream& one) { return !one.pictures.empty(); });
    for (auto stream = first; stream != end; ++stream) {
      if (stream->pictures.empty()) continue;
      stream->weight = data.weights[source] / static_cast<double>(used);
      streams.push_back(std::move(*stream));
    }
  }
  return streams;
}

std::vector<uint8_t> read_unchanged(const TrainingData& data, size_t picture) {
  std::vector<uint8_t> bytes = read_file(data.dataset.pictures[picture].path);
  if (content_hash(bytes.data(), bytes.size()) != data.files[picture].content)
    throw std::runtime_error("has changed since training began");
  return bytes;
}

void make_sample(const levit_context* context, const TrainingData& data, size_t picture,
                 const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out) {
  const std::vector<uint8_t> bytes = read_unchanged(data, picture);
  PictureOptions how;
  how.ignore_orientation = options.ignore_orientation;
  how.context = context;
  how.largest_area = data.largest_area;
  if (view == 0 && !options.equalise) {
    decode_view(bytes.data(), bytes.size(), how, options.resize, *scratch, out);
    return;
  }
  const Picture decoded = decode_picture(bytes.data(), bytes.size(), how);
  make_view(context, decoded, data.files[picture].content, options, view, scratch, out);
}

}  // namespace levit::tools
