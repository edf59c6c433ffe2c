// Pictures with their labels: a folder with one folder per label, or a CSV file of paths and labels.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_H_
#define LEVIT_TOOLS_LEVIT_DATASET_H_

#include <string>
#include <vector>

namespace levit::tools {

struct LabelledPicture {
  std::string path;
  size_t label;        // of DataSet::labels
  std::string source;  // the folder it lies in, below the data set ("ai/midjourney"), or what the CSV says
  std::string error;   // not empty: why there is nothing to open
};

struct DataSet {
  std::vector<std::string> labels;        // sorted by their bytes
  std::vector<LabelledPicture> pictures;  // sorted by the bytes of their paths
  size_t skipped = 0;                     // files that are hidden or not named like a picture
};

// DATA/<label>/...: each folder of `data` is a label, its pictures lie at any depth in it. Throws
// std::runtime_error "path: cause" when there is no such folder or one of them holds no picture.
DataSet read_labelled_folders(const std::string& data);

// Lines "path,label" or "path,label,source" (RFC 4180), below a heading of these names or without one. Paths
// are relative to `folder`, or to the folder of the CSV file when it is empty. Throws std::runtime_error that
// names the line which is wrong.
DataSet read_labels_csv(const std::string& csv, const std::string& folder);

// The part `index` of `parts` (1 <= index <= parts) of that many items: [first, last). Parts differ by one
// item at most, and all of them in order are the whole.
struct Shard {
  size_t index = 1, parts = 1;
  size_t first(size_t items) const { return (index - 1) * items / parts; }
  size_t last(size_t items) const { return index * items / parts; }
};

// "2/4"; throws std::runtime_error for what is no shard.
Shard parse_shard(const std::string& text);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_H_
