// Labelled pictures: which files, and which class each belongs to.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_DATASET_H_
#define LEVIT_TOOLS_LEVIT_DATASET_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/model_file.h"

namespace levit::tools {

struct LabelledPicture {
  std::string path;
  uint32_t label;     // index of Dataset::labels
  std::string error;  // not empty: why there is nothing to open
};

struct Dataset {
  std::vector<std::string> labels;        // of the classes that occur, sorted by their bytes
  std::vector<LabelledPicture> pictures;  // class by class, each in the order of list_inputs()
  size_t skipped = 0;                     // files that are hidden or not named like a picture
};

// Reads folders whose folders are labels: DATA/ai/..., DATA/real/...; with several, a label's pictures are
// those of all of them. Or, with `labels_csv`, the lines of a CSV file (RFC 4180; commas, semicolons or
// tabs): when the first line names columns "path" (or file, filename, image) and "label" (or class) these,
// else the first two. Paths are taken from the folder, or from the file's own when there is none. Throws
// std::runtime_error naming what is wrong: nothing there, a label without a picture, a picture twice, folders
// of another kind (train, test) where labels should be.
Dataset read_dataset(const std::vector<std::string>& folders, const std::string& labels_csv);

// Throws std::runtime_error naming a folder that is there twice: its pictures would count twice, and held-out
// numbers look surer than they are. read_dataset() asks it too.
void refuse_same_folder(const std::vector<std::string>& folders);

// The fields of a line of CSV. Throws std::runtime_error when a quote is not closed.
std::vector<std::string> csv_fields(const std::string& line, char separator = ',');

// The same pictures with the classes of a model, in its order. Throws std::runtime_error naming a label that
// is none of them.
Dataset with_labels(Dataset dataset, const std::vector<std::string>& labels);

// The same pictures with the classes in the model's order, when they are its own; else as they are.
Dataset in_order_of(const ModelFile& model, Dataset dataset);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_DATASET_H_
