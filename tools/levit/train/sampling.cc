#include "tools/levit/train/sampling.h"

#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "levit.h"

namespace levit::tools {
namespace {

// The stream of each sample, the same in every epoch.
std::vector<uint32_t> turns(const std::vector<Stream>& streams, size_t samples) {
  using Due = std::pair<double, uint32_t>;  // when a stream's next sample is due, in samples of weight 1
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> queue;
  for (size_t s = 0; s < streams.size(); ++s) queue.emplace(1 / streams[s].weight, static_cast<uint32_t>(s));
  std::vector<double> taken(streams.size());
  std::vector<uint32_t> of_sample;
  of_sample.reserve(samples);
  while (of_sample.size() < samples) {
    const uint32_t s = queue.top().second;
    queue.pop();
    of_sample.push_back(s);
    taken[s] += 1;
    queue.emplace((taken[s] + 1) / streams[s].weight, s);
  }
  return of_sample;
}

// Walks over the passes of one stream.
class Walk {
 public:
  Walk(const Stream& stream, uint32_t seed, size_t position)
      : stream_(stream), seed_(seed), position_(position), order_(stream.pictures.size()) {
    shuffle();
  }

  uint32_t next() {
    if (position_ > 0 && position_ % order_.size() == 0) shuffle();
    return stream_.pictures[order_[position_++ % order_.size()]];
  }

 private:
  void shuffle() {
    levit_shuffle(seed_ + static_cast<uint32_t>(position_ / order_.size()), order_.size(), order_.data());
  }

  const Stream& stream_;
  uint32_t seed_;
  size_t position_;  // since the first epoch
  std::vector<uint32_t> order_;
};

}  // namespace

std::vector<uint32_t> epoch_order(const std::vector<Stream>& streams, size_t samples, uint32_t seed,
                                  size_t epoch) {
  constexpr uint32_t kApart = 0x9e3779b9;  // seeds of streams of one size must not give one order
  const std::vector<uint32_t> of_sample = turns(streams, samples);
  std::vector<size_t> in_epoch(streams.size());
  for (const uint32_t s : of_sample) ++in_epoch[s];
  std::vector<Walk> walks;
  for (size_t s = 0; s < streams.size(); ++s)
    walks.emplace_back(streams[s], seed + kApart * static_cast<uint32_t>(s), epoch * in_epoch[s]);
  std::vector<uint32_t> order;
  order.reserve(samples);
  for (const uint32_t s : of_sample) order.push_back(walks[s].next());
  return order;
}

uint32_t view_of(uint64_t sample, double done, size_t views) {
  constexpr double kAugmented = 0.75;
  if (views == 0 || done >= kAugmented) return 0;
  return 1 + static_cast<uint32_t>(sample % std::numeric_limits<uint32_t>::max());
}

}  // namespace levit::tools
