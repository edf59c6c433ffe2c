// Pictures to files.
#ifndef LEVIT_TOOLS_DRAW_PNG_H_
#define LEVIT_TOOLS_DRAW_PNG_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "tools/draw/canvas.h"

namespace levit::tools {

// Both throw std::runtime_error naming the file when it cannot be written.
void write_png(const std::filesystem::path& path, const Canvas& canvas);
void write_jpeg(const std::filesystem::path& path, const Canvas& canvas, int quality);

// A JPEG file in memory.
std::vector<uint8_t> jpeg_bytes(const Canvas& canvas, int quality);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_DRAW_PNG_H_
