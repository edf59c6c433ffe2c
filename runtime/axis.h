// One direction of Pillow's resize (Resample.c of Pillow 9.4): which source positions each of the LEVIT_SIDE
// output positions sums, and with which fixed-point weights.
#ifndef LEVIT_RUNTIME_AXIS_H_
#define LEVIT_RUNTIME_AXIS_H_

#include <cstdint>

#include "levit.h"

namespace levit::runtime {

enum class Filter { kBilinear, kBicubic };  // bicubic with a = -0.5

// A resize from `in` to `out` positions, of which LEVIT_SIDE are wanted, from `offset` on. When in == out the
// weights come out as one and zeros, so a direction that keeps its size needs no case of its own.
struct Axis {
  Filter filter;
  uint64_t in, out, offset;
};

// An axis with what its every output position needs. Mirrored, source and output positions count from the
// other end, which gives the same sums: the weights are those of the picture that was turned around.
struct AxisWeights {
  Axis axis;
  bool mirrored;
  double scale, support, inverse;  // source positions per output; reach of the filter; 1 / its stretch
  uint64_t origin;                 // first source position under the window
  uint64_t extent;                 // source positions under it
  uint64_t taps;                   // of every output position: those of the longest span
};
AxisWeights axis_weights(const Axis& axis, bool mirrored);

// The first of the `taps` source positions of an output position 0 .. LEVIT_SIDE - 1, from the origin. It
// does not fall as the position rises.
uint64_t first_tap(const AxisWeights& weights, uint64_t position);

// The weights [taps], of 2^kernels::kResampleBits, that belong to them. Spans are shorter at the picture's
// edges: zeros fill them up, in front where there is no room behind.
void fill_taps(const AxisWeights& weights, uint64_t position, int32_t* taps);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_AXIS_H_
