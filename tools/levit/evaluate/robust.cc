#include "tools/levit/evaluate/robust.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "tools/draw/canvas.h"
#include "tools/draw/png.h"

namespace levit::tools {
namespace {

constexpr int kQualities[] = {90, 70, 50};

Canvas canvas_of(const Picture& picture) {
  Canvas canvas(picture.width, picture.height, {0, 0, 0});
  std::memcpy(canvas.rgb.data(), picture.pixels.get(), canvas.rgb.size());
  return canvas;
}

Picture picture_of(const Canvas& canvas) {
  Picture picture;
  picture.pixels.reset(static_cast<uint8_t*>(std::malloc(canvas.rgb.size())));
  if (picture.pixels == nullptr) throw std::bad_alloc();
  std::memcpy(picture.pixels.get(), canvas.rgb.data(), canvas.rgb.size());
  picture.width = canvas.width;
  picture.height = canvas.height;
  return picture;
}

Canvas half_and_back(const Canvas& canvas) {
  const Canvas half =
      resized(canvas, std::max<size_t>(1, canvas.width / 2), std::max<size_t>(1, canvas.height / 2));
  return resized(half, canvas.width, canvas.height);
}

// (1 4 6 4 1) / 16 along one side, the rim repeated; `step` bytes between neighbours.
void blur_line(const uint8_t* from, uint8_t* to, size_t count, size_t step) {
  const auto at = [&](long i) {
    return static_cast<unsigned>(
        from[static_cast<size_t>(std::clamp<long>(i, 0, static_cast<long>(count) - 1)) * step]);
  };
  for (long i = 0; i < static_cast<long>(count); ++i) {
    const unsigned sum = at(i - 2) + at(i + 2) + 4 * (at(i - 1) + at(i + 1)) + 6 * at(i);
    to[static_cast<size_t>(i) * step] = static_cast<uint8_t>((sum + 8) / 16);
  }
}

Canvas blurred_canvas(const Canvas& canvas) {
  Canvas across = canvas, both = canvas;
  const size_t row = 3 * canvas.width;
  for (size_t y = 0; y < canvas.height; ++y)
    for (size_t c = 0; c < 3; ++c)
      blur_line(&canvas.rgb[y * row + c], &across.rgb[y * row + c], canvas.width, 3);
  for (size_t x = 0; x < row; ++x) blur_line(&across.rgb[x], &both.rgb[x], canvas.height, row);
  return both;
}

Canvas cropped(const Canvas& canvas) {
  const size_t left = canvas.width / 10, top = canvas.height / 10;
  Canvas out(canvas.width - 2 * left, canvas.height - 2 * top, {0, 0, 0});
  for (size_t y = 0; y < out.height; ++y)
    std::memcpy(&out.rgb[3 * y * out.width], &canvas.rgb[3 * ((y + top) * canvas.width + left)],
                3 * out.width);
  return out;
}

}  // namespace

const std::vector<std::string>& robust_changes() {
  static const std::vector<std::string> kNames = {"jpeg90", "jpeg70", "jpeg50", "half", "blur", "crop"};
  return kNames;
}

Picture changed(const Picture& picture, size_t change) {
  const Canvas canvas = canvas_of(picture);
  if (change < std::size(kQualities)) {
    const std::vector<uint8_t> file = jpeg_bytes(canvas, kQualities[change]);
    return decode_picture(file.data(), file.size());
  }
  const std::string& name = robust_changes()[change];
  return picture_of(name == "half"   ? half_and_back(canvas)
                    : name == "blur" ? blurred_canvas(canvas)
                                     : cropped(canvas));
}

}  // namespace levit::tools
