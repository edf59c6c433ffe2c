// The job over a shard of the pictures, and the file that it goes on with.
#include "tools/levit/evaluate/run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/dataset/content_hash.h"
#include "tools/levit/dataset/view.h"
#include "tools/levit/evaluate/predictor.h"
#include "tools/levit/evaluate/robust.h"
#include "tools/levit/job.h"
#include "tools/levit/verdict.h"

namespace levit::tools {
namespace {

// Of the paths and classes, so that parts of different lists are not taken for one.
std::string list_checksum(const std::vector<Prediction>& pictures) {
  uint64_t hash = 0;
  for (const Prediction& picture : pictures) {
    const std::string text = picture.path + '\0' + std::to_string(picture.truth) + '\0' + hexadecimal(hash);
    hash = content_hash(text.data(), text.size());
  }
  return hexadecimal(hash);
}

class Run {
 public:
  Run(const ModelFile& model, const std::vector<Prediction>& pictures, const RunOptions& options)
      : model_(model),
        pictures_(pictures),
        options_(options),
        first_(options.shard.first(pictures.size())),
        last_(options.shard.last(pictures.size())) {
    PredictionHeader& header = result_.header;
    header.model = model.info().name;
    header.checksum = checksum_text(model);
    header.labels = class_labels(model);
    header.temperature = static_cast<double>(model.info().temperature);
    header.resize = resize_name(options.resize);
    header.ignore_orientation = options.ignore_orientation;
    header.equalise = options.equalise;
    if (options.robust) header.changes = robust_changes();
    if (options.doubt) header.views = kSteadyViews - 1;
    header.total = pictures.size();
    header.list = list_checksum(pictures);
    header.shard = options.shard;
  }

  PredictionFile run() {
    if (!options_.output.empty()) open_output();
    const size_t begin = first_ + result_.predictions.size();
    if (begin == last_) return std::move(result_);
    InputList list;
    for (size_t i = begin; i < last_; ++i) list.inputs.push_back({pictures_[i].path, pictures_[i].error});
    Job job(list, options_.threads);
    const SampleReader reader(
        model_.model(), options_.target, options_.resize,
        {options_.ignore_orientation, options_.robust || options_.doubt, options_.largest_area});
    levit_options context = job.options(1);
    context.target = options_.target;
    std::vector<std::unique_ptr<Predictor>> predictors;
    for (size_t i = 0; i < job.workers(); ++i)
      predictors.push_back(std::make_unique<Predictor>(model_.model(), context, reader, options_));
    job.run<Prediction>([&](size_t index, size_t,
                            size_t worker) { return predictors[worker]->predict(pictures_[begin + index]); },
                        [&](Prediction& prediction) {
                          if (!prediction.error.empty()) job.fail(prediction.path, prediction.error);
                          if (file_) file_->append(prediction_line(prediction));
                          result_.predictions.push_back(std::move(prediction));
                          return true;
                        });
    job.finish(options_.times ? std::vector<std::string>{times(predictors, last_ - begin, job.seconds())}
                              : std::vector<std::string>());
    return std::move(result_);
  }

 private:
  void open_output() {
    refuse_special_file(options_.output);
    const bool there =
        std::filesystem::exists(options_.output) && std::filesystem::file_size(options_.output) > 0;
    if (there && !options_.resume) {
      throw std::runtime_error(options_.output +
                               ": exists; --resume goes on with it, else name another file or remove it");
    }
    PredictionFile before;
    if (there && complete_line_in(options_.output)) before = read_predictions(options_.output);
    if (before.bytes > 0) {
      if (!result_.header.fits(before.header) || result_.header.shard.index != before.header.shard.index)
        throw std::runtime_error(options_.output +
                                 ": of another evaluation, model or shard; it stays as it is");
      result_.predictions = std::move(before.predictions);
    }
    file_ = std::make_unique<LineFile>(options_.output, before.bytes);
    if (before.bytes == 0) file_->append(header_line(result_.header));
  }

  // Whether more than the torn first line of a run that was killed at once is there.
  static bool complete_line_in(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string line;
    return std::getline(stream, line) && !stream.eof();
  }

  static std::string times(const std::vector<std::unique_ptr<Predictor>>& predictors, size_t count,
                           double seconds) {
    StageTimes sum;
    for (const auto& predictor : predictors) {
      sum.decode += predictor->times().decode;
      sum.resize += predictor->times().resize;
      sum.network += predictor->times().network;
    }
    const auto each = [count](double part) {
      return fixed(1000 * part / static_cast<double>(std::max<size_t>(count, 1)), 3) + " ms";
    };
    return counted(count, "picture") + " in " + fixed(seconds, 2) + " s on " +
           std::to_string(predictors.size()) + " threads; per picture and thread: decoding " +
           each(sum.decode) + ", resizing " + each(sum.resize) + ", network " + each(sum.network);
  }

  const ModelFile& model_;
  const std::vector<Prediction>& pictures_;
  const RunOptions& options_;
  size_t first_, last_;  // of the pictures
  std::unique_ptr<LineFile> file_;
  PredictionFile result_;
};

}  // namespace

std::string checksum_text(const ModelFile& model) {
  return hexadecimal(model.info().checksum);
}

PredictionFile predict_all(const ModelFile& model, const std::vector<Prediction>& pictures,
                           const RunOptions& options) {
  return Run(model, pictures, options).run();
}

}  // namespace levit::tools
