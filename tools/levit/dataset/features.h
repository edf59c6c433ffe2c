// From labelled pictures to their pooled features: decoding, views, the backbone and the cache, on all
// threads.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_FEATURES_H_
#define LEVIT_TOOLS_LEVIT_DATASET_FEATURES_H_

#include <functional>
#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/dataset/dataset.h"
#include "tools/levit/dataset/feature_cache.h"
#include "tools/levit/dataset/view.h"
#include "tools/picture/picture.h"

namespace levit::tools {

struct FeatureRun {
  size_t threads = 1, batch = 16;  // pictures in one pass of a thread
  std::string target;              // instruction set; empty: the best
  ViewOptions view;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  // The views wanted of a picture with that content; 0 is the plain one. On any thread.
  std::function<std::vector<uint32_t>(uint64_t content)> views = [](uint64_t) {
    return std::vector<uint32_t>{0};
  };
};

struct PictureFeatures {
  std::string error;     // not empty: why there are none
  uint64_t content = 0;  // content_hash of the file
  size_t first = 0;      // row of its first view in FeatureTable::values
  size_t views = 0;
};

struct FeatureTable {
  size_t width = 0;                       // of a row
  std::vector<PictureFeatures> pictures;  // as in the dataset; fewer when Ctrl-C has stopped the run
  std::vector<float> values;              // [rows][width]
  size_t computed = 0;                    // rows that went through the backbone; the others were in the cache
  double seconds = 0;

  const float* row(size_t index) const { return values.data() + index * width; }
};

// Names the first of the pictures that could not be read on standard error, and counts them.
void complain_of_unreadable(const Dataset& dataset, const std::vector<PictureFeatures>& pictures);

// The features of all pictures in their order, whatever the threads. Draws progress.
FeatureTable compute_features(const ModelFile& model, const Dataset& dataset, const FeatureRun& run,
                              FeatureCache& cache);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_FEATURES_H_
