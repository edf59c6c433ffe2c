#include "tools/levit/dataset/features.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "levit.hpp"
#include "tools/common/mapped_file.h"
#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {
namespace {

constexpr size_t kValues = size_t{LEVIT_SIDE} * LEVIT_SIDE * 3;
constexpr size_t kGroupsAhead = 4;  // per worker: groups that may wait for a slow one in front of them

// Features of one picture as a worker leaves them.
struct Row {
  FeatureKey key;
  bool computed = false;
  std::vector<float> values;
};
struct Result {
  std::string error;
  uint64_t content = 0;
  std::vector<Row> rows;
};

// What a worker has of its own.
class Worker {
 public:
  Worker(const ModelFile& model, const FeatureRun& run, FeatureCache& cache, std::mutex& mutex)
      : run_(run),
        cache_(cache),
        mutex_(mutex),
        width_(model.info().dims[2]),
        context_(model.model(), options_of(run)),
        pixels_(run.batch * kValues),
        features_(run.batch * width_) {}

  // The features of some pictures, in batches across them.
  void work(const LabelledPicture* pictures, size_t count, std::vector<Result>* results) {
    results->assign(count, {});
    for (size_t i = 0; i < count; ++i) {
      try {
        if (!pictures[i].error.empty()) throw std::runtime_error(pictures[i].error);
        load(pictures[i].path, &(*results)[i]);
      } catch (const TooLarge& error) {
        fail(std::string(error.what()) + kRaiseLimit, &(*results)[i]);
      } catch (const std::exception& error) {
        fail(error.what(), &(*results)[i]);
      }
    }
    run_pending();
  }

 private:
  struct Pending {
    Result* result;
    size_t row;
  };

  static levit_options options_of(const FeatureRun& run) {
    levit_options options = levit_default_options();
    options.batch = static_cast<uint32_t>(run.batch);
    options.target = run.target.empty() ? nullptr : run.target.c_str();
    return options;
  }

  // Rows that wait for the network are not this picture's any more.
  void fail(const std::string& cause, Result* result) {
    const auto own = [result](const Pending& pending) { return pending.result == result; };
    pending_.erase(std::remove_if(pending_.begin(), pending_.end(), own), pending_.end());
    result->rows.clear();
    result->error = cause;
  }

  void load(const std::string& path, Result* result) {
    const MappedFile file(path);
    result->content = content_hash(file.bytes().data(), file.bytes().size());
    const std::vector<uint32_t> views = run_.views(result->content);
    for (const uint32_t view : views)
      result->rows.push_back({{result->content, view_key(run_.view, view, context_.target())}, false, {}});
    find_rows(result);
    Picture picture;
    for (size_t i = 0; i < views.size(); ++i) {
      if (!result->rows[i].computed) continue;
      if (picture.width == 0) picture = decode(file);
      make_view(context_.get(), picture, result->content, run_.view, views[i], &scratch_,
                pixels_.data() + pending_.size() * kValues);
      pending_.push_back({result, i});
      if (pending_.size() == run_.batch) run_pending();
    }
  }

  Picture decode(const MappedFile& file) const {
    PictureOptions options;
    options.ignore_orientation = run_.view.ignore_orientation;
    options.largest_area = run_.largest_area;
    return decode_picture(reinterpret_cast<const uint8_t*>(file.bytes().data()), file.bytes().size(),
                          options);
  }

  // Takes the rows that the cache has; the others have to be computed.
  void find_rows(Result* result) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Row& row : result->rows) {
      const float* const known = cache_.find(row.key);
      row.computed = known == nullptr;
      if (known != nullptr) row.values.assign(known, known + width_);
    }
  }

  void run_pending() {
    if (pending_.empty()) return;
    check(levit_features(context_.get(), {pixels_.data(), nullptr}, pending_.size(), features_.data()));
    for (size_t i = 0; i < pending_.size(); ++i) {
      const float* const from = features_.data() + i * width_;
      pending_[i].result->rows[pending_[i].row].values.assign(from, from + width_);
    }
    pending_.clear();
  }

  const FeatureRun& run_;
  FeatureCache& cache_;
  std::mutex& mutex_;
  size_t width_;
  Context context_;
  std::vector<uint8_t> pixels_;   // [batch][224][224][3]: views that wait for the network
  std::vector<Pending> pending_;  // where their features go
  std::vector<uint8_t> scratch_;
  std::vector<float> features_;
};

}  // namespace

void complain_of_unreadable(const Dataset& dataset, const std::vector<PictureFeatures>& pictures) {
  constexpr size_t kNamed = 20;
  size_t failed = 0;
  for (size_t i = 0; i < pictures.size(); ++i) {
    if (pictures[i].error.empty() || failed++ >= kNamed) continue;
    complain(dataset.pictures[i].path + ": " + pictures[i].error);
  }
  if (failed > kNamed) complain("and " + std::to_string(failed - kNamed) + " more");
  if (failed > 0) complain("skipped " + counted(failed, "picture") + " that cannot be read");
}

FeatureTable compute_features(const ModelFile& model, const Dataset& dataset, const FeatureRun& run,
                              FeatureCache& cache) {
  FeatureTable table;
  table.width = model.info().dims[2];
  const size_t group = run.batch, groups = (dataset.pictures.size() + group - 1) / group;
  ThreadPool pool(std::max<size_t>(1, std::min(run.threads, groups)));
  std::mutex mutex;  // of the cache
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < pool.threads(); ++i)
    workers.push_back(std::make_unique<Worker>(model, run, cache, mutex));
  std::vector<std::vector<Result>> slots(kGroupsAhead * pool.threads());
  Progress progress(dataset.pictures.size(), "pictures");
  OrderedRun ordered{groups, slots.size(), {}, {}, interrupted};
  ordered.work = [&](size_t index, size_t slot, size_t worker) {
    const size_t first = index * group;
    workers[worker]->work(&dataset.pictures[first], std::min(group, dataset.pictures.size() - first),
                          &slots[slot]);
  };
  ordered.emit = [&](size_t, size_t slot) {
    for (Result& result : slots[slot]) {
      const std::lock_guard<std::mutex> lock(mutex);
      table.pictures.push_back(
          {result.error, result.content, table.values.size() / table.width, result.rows.size()});
      for (const Row& row : result.rows) {
        table.values.insert(table.values.end(), row.values.begin(), row.values.end());
        table.computed += row.computed ? 1 : 0;
        if (row.computed) cache.add(row.key, row.values.data());
      }
    }
    cache.flush();
    progress.update(table.pictures.size());
  };
  run_ordered(pool, ordered);
  table.seconds = progress.seconds();
  return table;
}

}  // namespace levit::tools
