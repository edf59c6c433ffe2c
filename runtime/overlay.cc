#include "runtime/overlay.h"

namespace levit::runtime {

void Overlay::add(size_t* offset, size_t floats, Life life) {
  if (floats == 0) return;
  const Item item{offset, round_to_line(floats), life};
  size_t at = count_++;
  for (; at > 0 && items_[at - 1].floats < item.floats; --at) items_[at] = items_[at - 1];
  items_[at] = item;
}

size_t Overlay::assign(size_t start) {
  size_t end = start;
  for (size_t i = 0; i < count_; ++i) {
    const Item& item = items_[i];
    size_t offset = start;
    // A conflict moves the item behind it; then earlier ones may conflict again.
    for (size_t j = 0; j < i;) {
      const Item& other = items_[j];
      const bool meets = other.life.first <= item.life.last && item.life.first <= other.life.last;
      if (meets && *other.offset < offset + item.floats && offset < *other.offset + other.floats) {
        offset = *other.offset + other.floats;
        j = 0;
      } else {
        ++j;
      }
    }
    *item.offset = offset;
    if (offset + item.floats > end) end = offset + item.floats;
  }
  return end;
}

size_t Overlay::floats() const {
  size_t sum = 0;
  for (size_t i = 0; i < count_; ++i) sum += items_[i].floats;
  return sum;
}

}  // namespace levit::runtime
