#include "tools/common/heap.h"

#include <cstdint>
#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace levit::tools {

#ifdef __GLIBC__
void reserve_heap() {
  constexpr int kReserved = 64 << 20;  // address space, no memory until it is touched
  constexpr size_t kProbe =
      256 << 10;                       // more than malloc holds from before main(), so that it asks for space
  constexpr size_t kChunkHeader = 32;  // at least what malloc writes behind a piece
  mallopt(M_TOP_PAD, kReserved);       // the next growth reserves it all
  mallopt(M_TRIM_THRESHOLD, 2 * kReserved);
  mallopt(M_MMAP_THRESHOLD, kLargestOnHeap);
  mallopt(M_ARENA_MAX, 1);  // every thread allocates here
  // Volatile, because a compiler may leave out an allocation that nothing uses.
  void* volatile probe = std::malloc(kProbe);
  const auto start = reinterpret_cast<uintptr_t>(probe), end = reinterpret_cast<uintptr_t>(sbrk(0));
  std::free(probe);
  // Not before the end of the probe, behind which malloc wrote: a page that was touched never becomes a huge
  // one.
  const uintptr_t first = (start + kProbe + kChunkHeader + kHugePage) / kHugePage * kHugePage;
  if (start >= end || end - start > 2 * size_t{kReserved} || first >= end) return;  // another malloc
  // A piece that nothing uses fills the heap up to there.
  probe = std::malloc(first - start - kChunkHeader);
  madvise(reinterpret_cast<void*>(first), (end - first) / kHugePage * kHugePage, MADV_HUGEPAGE);
}
#else
void reserve_heap() {}
#endif

}  // namespace levit::tools
