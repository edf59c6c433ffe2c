// Pictures to train with: several sources, the hash of every file, and what is held out.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_DATA_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/dataset/dataset.h"
#include "tools/levit/dataset/view.h"
#include "tools/levit/finetune/learning_set.h"
#include "tools/levit/train/sampling.h"

namespace levit::tools {

// Folders that share a weight in the mixture.
struct Source {
  std::vector<std::string> folders;
  double weight = 1;
};

// "DIR:3" as a source of weight 3; what exists under the whole name is a folder of weight 1. Throws
// std::runtime_error when the weight is no positive number.
Source parse_source(const std::string& text);

struct TrainingData {
  Dataset dataset;                                      // of all sources, source by source
  std::vector<uint32_t> source;                         // of each picture
  std::vector<double> weights;                          // of each source
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  std::vector<PictureFeatures> files;  // of each picture: its content's hash, or why there is none
};

// Reads the folders, or the lines of a CSV file as one source. Throws as read_dataset().
TrainingData read_training_data(const std::vector<Source>& sources, const std::string& labels_csv);

// Pictures by what they are for, as indices in their order.
struct Split {
  std::vector<uint32_t> training, held_out;
  std::vector<size_t> trained_by, held_by;    // pictures of each class
  size_t unreadable = 0, in_two_classes = 0;  // pictures
};

// Divides them by their contents. Throws as make_learning_set().
Split split_pictures(const TrainingData& data, double held_out);

// The hash of every file, on all threads of the machine that are asked for. Draws progress. False when Ctrl-C
// has stopped it.
bool hash_files(TrainingData* data, size_t threads);

// The turns of these pictures; each comes `views` times, or once when there are none. balance: a stream for
// every class of a source, all of the same weight.
std::vector<Stream> training_streams(const TrainingData& data, const Split& split, size_t views,
                                     bool balance);

// The bytes of a picture as they were when it was hashed. Throws std::runtime_error with the cause, that it
// has changed for one.
std::vector<uint8_t> read_unchanged(const TrainingData& data, size_t picture);

// View number `view` of a picture to out [224][224][3]. scratch grows as needed. Throws as read_unchanged().
void make_sample(const levit_context* context, const TrainingData& data, size_t picture,
                 const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_DATA_H_
