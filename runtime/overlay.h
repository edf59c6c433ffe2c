// Places buffers in one arena so that two of them share bytes whenever their lifetimes do not meet.
//
// Largest first, each at the lowest offset that is free during its whole life (Pisarchyk and Lee 2020, arXiv
// 2001.03288, "greedy by size").
#ifndef LEVIT_RUNTIME_OVERLAY_H_
#define LEVIT_RUNTIME_OVERLAY_H_

#include <cstddef>

namespace levit::runtime {

// Buffers begin on cache lines.
constexpr size_t round_to_line(size_t floats) {
  return (floats + 15) / 16 * 16;
}

struct Life {
  size_t first, last;  // steps, both included
};

class Overlay {
 public:
  // Asks for `floats` during `life`; assign() will store the offset in *offset. No floats: nothing is placed.
  void add(size_t* offset, size_t floats, Life life);

  // Places everything on 64-byte bounds from `start` on, which is one; returns where the last buffer ends.
  size_t assign(size_t start = 0);

  // Floats asked for.
  size_t floats() const;

 private:
  struct Item {
    size_t* offset;
    size_t floats;
    Life life;
  };
  static constexpr size_t kMaxItems = 192;  // more than a plan has slots
  Item items_[kMaxItems];
  size_t count_ = 0;
};

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_OVERLAY_H_
