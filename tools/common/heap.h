// The heap of a program that allocates megabytes, so that it is ready sooner.
#ifndef LEVIT_TOOLS_COMMON_HEAP_H_
#define LEVIT_TOOLS_COMMON_HEAP_H_

#include <cstddef>

namespace levit::tools {

inline constexpr size_t kHugePage = size_t{2} << 20;  // bytes
// Larger pieces are no part of the heap: malloc maps each of them, and free() gives it back to the system.
inline constexpr size_t kLargestOnHeap = 2 * kHugePage;

// Reserves address space for the heap and asks for huge pages there, since the first touch of each small page
// costs more than what most of them are used for. Call it at the start of main(). Does nothing where malloc
// is not glibc's own.
void reserve_heap();

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_HEAP_H_
