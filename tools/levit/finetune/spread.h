// How the features of the training pictures are spread: what a weight file keeps of them for
// levit_familiarity.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_SPREAD_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_SPREAD_H_

#include <cstdint>
#include <vector>

#include "levit.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// Rows below which a spread says nothing.
inline constexpr size_t kLeastSpreadRows = 50;
// Classes with a mean of their own; of more, all share one: the section stays below 200 KB for 384 features.
inline constexpr size_t kMostMeans = 30;

struct Spread {
  size_t means = 0;
  std::vector<float> whitening;  // [width][width], lower triangular
  std::vector<float> mean;       // [means][width]
  std::vector<float> quantile;   // [LEVIT_QUANTILES]

  // Refers to this.
  levit_training_spread options() const;
};

// Means of the classes and their shared covariance, shrunk towards its diagonal as far as the number of rows
// asks for (OAS: Chen, Wiesel, Eldar and Hero 2010, "Shrinkage algorithms for MMSE covariance estimation", on
// standardised features). Quantiles are of distances to what the rows of other pictures gave, in five folds:
// those of pictures that the spread has not seen. content [rows]: of the picture that a row is a view of.
// Throws std::runtime_error when there are too few rows. The same bits for any number of threads.
Spread fit_spread(const LabelledRows& rows, const std::vector<uint64_t>& content, size_t classes,
                  ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_SPREAD_H_
