#include "tools/picture/picture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/picture/formats.h"
#include "tools/picture/stb.h"

namespace levit::tools {
namespace {

constexpr size_t kLargestFile = size_t{1} << 30;

Picture allocate(size_t width, size_t height) {
  Picture picture;
  picture.pixels.reset(static_cast<uint8_t*>(std::malloc(width * height * 3)));
  if (picture.pixels == nullptr) throw std::bad_alloc();
  picture.width = width;
  picture.height = height;
  return picture;
}

Picture decode_pnm(Bytes file, const PictureHeader& header) {
  Picture picture = allocate(header.width, header.height);
  const uint8_t* samples = file.data + header.pixels_at;
  const size_t step = header.components * header.sample_bytes;
  for (size_t i = 0; i < header.width * header.height; ++i) {
    for (size_t c = 0; c < 3; ++c)
      picture.pixels[3 * i + c] = samples[i * step + (header.components == 3 ? c * header.sample_bytes : 0)];
  }
  return picture;
}

// Four components without Adobe's marker are inverted CMYK to every reader but stb_image: say so in its
// words.
Picture decode_unmarked_cmyk(Bytes file, const PictureHeader& header) {
  static constexpr uint8_t kAdobe[] = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
  std::vector<uint8_t> marked(file.data, file.data + 2);
  marked.insert(marked.end(), std::begin(kAdobe), std::end(kAdobe));
  marked.insert(marked.end(), file.data + 2, file.data + file.size);
  return decode_with_stb({marked.data(), marked.size()}, header);
}

Picture decode(Bytes file, const PictureHeader& header) {
  if (header.format == PictureFormat::kPnm) return decode_pnm(file, header);
  return header.unmarked_cmyk ? decode_unmarked_cmyk(file, header) : decode_with_stb(file, header);
}

std::vector<uint8_t> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) {
    const int error = errno;
    if (file >= 0) close(file);
    throw std::runtime_error(std::strerror(error));
  }
  std::vector<uint8_t> bytes;
  std::string problem;
  if (S_ISDIR(status.st_mode)) problem = "a directory, not a picture";
  // One byte more than the file is said to have, so that its end shows without growing.
  bytes.resize(S_ISREG(status.st_mode) ? std::min(static_cast<size_t>(status.st_size), kLargestFile) + 1
                                       : 65536);
  size_t used = 0;
  while (problem.empty()) {
    const ssize_t got = read(file, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) problem = std::strerror(errno);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
    if (used > kLargestFile) problem = "larger than 1 GiB, not a picture";
    if (used == bytes.size()) bytes.resize(2 * used);
  }
  close(file);
  if (!problem.empty()) throw std::runtime_error(problem);
  bytes.resize(used);
  return bytes;
}

}  // namespace

Picture upright(Picture stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const size_t width = stored.width, height = stored.height;
  const bool transposed = orientation >= 5;
  // Where stored column x and row y go: mirrored or not, then swapped or not.
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture out = allocate(transposed ? height : width, transposed ? width : height);
  // In tiles, since one of the two pictures is walked across its rows.
  constexpr size_t kTile = 32;
  for (size_t tile_y = 0; tile_y < height; tile_y += kTile) {
    for (size_t tile_x = 0; tile_x < width; tile_x += kTile) {
      for (size_t y = tile_y; y < std::min(tile_y + kTile, height); ++y) {
        for (size_t x = tile_x; x < std::min(tile_x + kTile, width); ++x) {
          const size_t to_x = mirror_x ? width - 1 - x : x, to_y = mirror_y ? height - 1 - y : y;
          const size_t to = transposed ? to_x * out.width + to_y : to_y * out.width + to_x;
          std::memcpy(&out.pixels[3 * to], &stored.pixels[3 * (y * width + x)], 3);
        }
      }
    }
  }
  return out;
}

Picture decode_picture(const uint8_t* file, size_t bytes, const PictureOptions& options) {
  const Bytes view{file, bytes};
  const PictureHeader header = inspect(view, {options.largest_side, options.largest_area});
  Picture stored = decode(view, header);
  if (options.ignore_orientation) return stored;
  return upright(std::move(stored), header.orientation);
}

Picture load_picture(const std::string& path, const PictureOptions& options) {
  try {
    const std::vector<uint8_t> file = read_file(path);
    return decode_picture(file.data(), file.size(), options);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(path + ": not enough memory for this picture");
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace levit::tools
