// The optional section behind the last tensor: how the features of the training pictures are spread, so that
// a program can say that a picture is unlike them (FORMAT.md, "Familiarity").
#ifndef LEVIT_WEIGHTS_FAMILIARITY_H_
#define LEVIT_WEIGHTS_FAMILIARITY_H_

#include "weights/checksum.h"
#include "weights/reader.h"

namespace levit::weights {

inline constexpr size_t kQuantiles = 1001;    // of the distance, 0 to 1000 per mille
inline constexpr uint32_t kMaxMeans = 65536;  // as many as classes

// Where the section's parts lie. W, the inverse of the lower triangular Cholesky factor of the shared
// covariance, maps features to coordinates in which it is the unit matrix; row i of W has i + 1 values.
struct Familiarity {
  size_t features, means;
  const float* scale;     // [features]: W[i][j] = scale[i] * step[i (i + 1) / 2 + j]
  const float* mean;      // [means][features]: W times the means of the classes
  const float* quantile;  // [kQuantiles]: distances of training pictures, ascending
  const int16_t* step;    // [features (features + 1) / 2]
};

// Bytes of the section, its padding included; 0 without means.
uint64_t familiarity_bytes(const Config& config, uint32_t means);

// Those of its floats, with the zeros up to the next multiple of 64: the steps follow.
uint64_t familiarity_float_bytes(const Config& config, uint32_t means);

// The section of a file that has one.
Familiarity familiarity(const View& view);

// Takes the section's blocks; false when one of its floats is not finite.
bool digest_familiarity(Digest* digest, const View& view);

// Whether quantile [kQuantiles] is not negative and ascends.
bool quantiles_ascend(const float* quantile);

// Whether scales and quantiles are not negative and quantiles ascend; and whether all padding is zero.
bool familiarity_is_ordered(const View& view);
bool familiarity_padding_is_zero(const View& view);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_FAMILIARITY_H_
