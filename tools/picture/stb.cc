#include "tools/picture/stb.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "tools/common/heap.h"

namespace {

// The largest piece of memory that the picture at hand can honestly need. A few kilobytes of compressed zeros
// would otherwise grow into gigabytes before their length is compared with the picture's.
thread_local size_t largest_allocation = 0;

// Cleared, because a damaged JPEG can use tables that it never defined.
void* bounded_malloc(size_t bytes) {
  return bytes <= largest_allocation ? levit::tools::allocate_cleared(bytes) : nullptr;
}

void* bounded_realloc(void* memory, size_t bytes) {
  return bytes <= largest_allocation ? std::realloc(memory, bytes) : nullptr;
}

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#ifndef LEVIT_CODECS
#define STBI_ONLY_JPEG
#endif
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ASSERT(condition) static_cast<void>(condition)
#define STBI_MALLOC(bytes) bounded_malloc(bytes)
#define STBI_REALLOC(memory, bytes) bounded_realloc(memory, bytes)
#define STBI_FREE(memory) std::free(memory)
#pragma GCC diagnostic ignored "-Wunused-function"
#if !defined(__clang__)  // Members that a source in memory never uses.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <stb_image.h>

namespace levit::tools {
namespace {

constexpr size_t kSlack = size_t{1} << 20;

}  // namespace

Picture decode_with_stb(Bytes file, size_t width, size_t height) {
  if (file.size > INT_MAX) throw std::runtime_error("a picture file of 2 GiB or more");
  // PNG: 8 bytes a pixel and a filter byte a row (more rows when interlaced), the buffer doubled while it
  // fills.
  largest_allocation = 2 * (8 * width * height + 16 * (width + height) + file.size) + kSlack;
  int found_width = 0, found_height = 0, components = 0;
  Picture picture;
  picture.pixels.reset(stbi_load_from_memory(file.data, static_cast<int>(file.size), &found_width,
                                             &found_height, &components, 3));
  if (picture.pixels == nullptr)
    throw std::runtime_error(std::string("a damaged picture (") + stbi_failure_reason() + ")");
  picture.width = static_cast<size_t>(found_width);
  picture.height = static_cast<size_t>(found_height);
  if (picture.width != width || picture.height != height)
    throw std::runtime_error("a damaged picture (two sizes)");
  return picture;
}

std::optional<std::string> inflate(Bytes stream, size_t most) {
  if (stream.size > INT_MAX) return std::nullopt;
  largest_allocation = 2 * most + kSlack;
  int bytes = 0;
  const std::unique_ptr<char, FreeDeleter> text(stbi_zlib_decode_malloc(
      reinterpret_cast<const char*>(stream.data), static_cast<int>(stream.size), &bytes));
  if (text == nullptr || static_cast<size_t>(bytes) > most) return std::nullopt;
  return std::string(text.get(), static_cast<size_t>(bytes));
}

}  // namespace levit::tools
