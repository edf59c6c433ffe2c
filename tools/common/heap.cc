#include "tools/common/heap.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace levit::tools {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLargestOnHeap = 8 * kHugePage;  // malloc maps larger pieces for themselves

size_t whole(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

#ifdef __GLIBC__
void reserve_heap() {
  constexpr int kReserved = 64 << 20;   // address space: memory comes when it is touched
  constexpr size_t kProbe = 256 << 10;  // more than malloc holds from before main(): it must ask for space
  constexpr size_t kChunkHeader = 32;   // at least what malloc writes behind a piece
  mallopt(M_TOP_PAD, kReserved);        // the next growth reserves all of it
  mallopt(M_TRIM_THRESHOLD, 2 * kReserved);  // and keeps it
  mallopt(M_MMAP_THRESHOLD, kLargestOnHeap);
  mallopt(M_ARENA_MAX, 1);  // every thread allocates here
  // Volatile, because a compiler may leave out an allocation that nothing uses.
  void* volatile probe = std::malloc(kProbe);
  const auto start = reinterpret_cast<uintptr_t>(probe), end = reinterpret_cast<uintptr_t>(sbrk(0));
  std::free(probe);
  // Not before the end of the probe, behind which malloc wrote: what has a small page stays in small pages.
  const uintptr_t first = (start + kProbe + kChunkHeader + kHugePage) / kHugePage * kHugePage;
  if (start >= end || end - start > 2 * size_t{kReserved} || first >= end) return;  // another malloc
  // A piece that nothing uses fills the heap up to there.
  probe = std::malloc(first - start - kChunkHeader);
  madvise(reinterpret_cast<void*>(first), (end - first) / kHugePage * kHugePage, MADV_HUGEPAGE);
}
#else
void reserve_heap() {}
#endif

void* allocate(size_t bytes) {
  constexpr size_t kCacheLine = 64;
  if (bytes <= kLargestOnHeap) return std::aligned_alloc(kCacheLine, whole(bytes, kCacheLine));
  const size_t mapped = whole(bytes, kHugePage);
  void* const memory = std::aligned_alloc(kHugePage, mapped);
#ifdef MADV_HUGEPAGE
  if (memory != nullptr) madvise(memory, mapped, MADV_HUGEPAGE);
#endif
  return memory;
}

void* allocate_cleared(size_t bytes) {
  if (bytes <= kLargestOnHeap) return std::calloc(bytes, 1);
  void* const memory = allocate(bytes);
  return memory != nullptr ? std::memset(memory, 0, bytes) : nullptr;
}

}  // namespace levit::tools
