// Which picture is learned from when: the order of an epoch, out of one source of pictures or several.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_SAMPLING_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_SAMPLING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace levit::tools {

// Pictures that come in turns of their own: all of a stream, shuffled, before any of them comes again. How
// many samples a stream has in an epoch is its weight's share.
struct Stream {
  std::vector<uint32_t> pictures;  // indices, at least one
  double weight = 1;
};

// The pictures of epoch 0, 1, ...: `samples` indices that depend on the arguments alone. Streams take turns
// by stride scheduling (Waldspurger and Weihl 1995), so that every batch is mixed as the whole; the passes of
// a stream go on from epoch to epoch. One stream of `samples` pictures gives levit_shuffle(seed + epoch).
std::vector<uint32_t> epoch_order(const std::vector<Stream>& streams, size_t samples, uint32_t seed,
                                  size_t epoch);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_SAMPLING_H_
