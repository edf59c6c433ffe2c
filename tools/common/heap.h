// The heap of a program that allocates megabytes, so that it is ready sooner.
#ifndef LEVIT_TOOLS_COMMON_HEAP_H_
#define LEVIT_TOOLS_COMMON_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace levit::tools {

// Reserves address space for the heap and asks for huge pages there, since the first touch of each small page
// costs more than what most of them are used for. Call it at the start of main(). Does nothing where malloc
// is not glibc's own.
void reserve_heap();

// Memory of malloc's kind that frees itself.
struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<uint8_t[], FreeDeleter>;

// Memory for free(), null when there is none, in huge pages where it is large. Pieces over 16 MB that the
// heap has no room for are mapped for themselves, and free() gives them back to the system.
void* allocate(size_t bytes);          // aligned to 64 bytes
void* allocate_cleared(size_t bytes);  // aligned as by malloc

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_HEAP_H_
