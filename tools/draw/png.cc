#include "tools/draw/png.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

#include <fstream>

namespace levit::tools {
namespace {

void append(void* context, void* data, int size) {
  static_cast<std::ofstream*>(context)->write(static_cast<const char*>(data), size);
}

void check(std::ofstream& file, const std::filesystem::path& path, int written) {
  file.close();
  if (written == 0 || file.fail())
    throw std::runtime_error(path.string() + ": cannot be written: " + std::strerror(errno));
}

}  // namespace

void write_png(const std::filesystem::path& path, const Canvas& canvas) {
  std::ofstream file(path, std::ios::binary);
  const auto width = static_cast<int>(canvas.width), height = static_cast<int>(canvas.height);
  check(file, path, stbi_write_png_to_func(append, &file, width, height, 3, canvas.rgb.data(), width * 3));
}

void write_jpeg(const std::filesystem::path& path, const Canvas& canvas, int quality) {
  std::ofstream file(path, std::ios::binary);
  const auto width = static_cast<int>(canvas.width), height = static_cast<int>(canvas.height);
  check(file, path, stbi_write_jpg_to_func(append, &file, width, height, 3, canvas.rgb.data(), quality));
}

std::vector<uint8_t> jpeg_bytes(const Canvas& canvas, int quality) {
  std::vector<uint8_t> bytes;
  const auto take = [](void* context, void* data, int size) {
    const auto* const begin = static_cast<const uint8_t*>(data);
    auto* const to = static_cast<std::vector<uint8_t>*>(context);
    to->insert(to->end(), begin, begin + size);
  };
  const auto width = static_cast<int>(canvas.width), height = static_cast<int>(canvas.height);
  if (stbi_write_jpg_to_func(take, &bytes, width, height, 3, canvas.rgb.data(), quality) == 0)
    throw std::runtime_error("the picture cannot be written as JPEG");
  return bytes;
}

}  // namespace levit::tools
