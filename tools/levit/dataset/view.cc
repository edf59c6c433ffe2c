#include "tools/levit/dataset/view.h"

#include <algorithm>
#include <string>

#include "levit.hpp"
#include "tools/levit/dataset/augment.h"
#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {
namespace {

constexpr int kEqualQuality = 90, kSteadyQuality = 75;
// Of random views. Without plain ones among them, CIFAKE's test pictures were called ai too often: 87.9 %
// right where a third gave 90.0 (two epochs of --train all, neither ending in plain ones).
constexpr double kPlainShare = 1.0 / 3;
constexpr double kSteadyCrop = 0.8;  // of each side

// The part of an image that is cut at `left` and `top`, shares of what does not fit into it.
levit_image part(const levit_image& image, double left, double top) {
  const auto cut = [](size_t side) {
    return std::max<size_t>(1, static_cast<size_t>(kSteadyCrop * static_cast<double>(side)));
  };
  const size_t width = cut(image.width), height = cut(image.height);
  const auto x = static_cast<size_t>(left * static_cast<double>(image.width - width));
  const auto y = static_cast<size_t>(top * static_cast<double>(image.height - height));
  return {image.pixels + y * image.stride + 3 * x, width, height, image.stride};
}

}  // namespace

uint64_t view_key(const ViewOptions& options, uint32_t view, const char* target) {
  std::string text =
      std::to_string(options.resize) + (options.ignore_orientation ? " stored " : " upright ") + target;
  if (options.equalise) text += " equalised";
  // The number counts the ways in which views were drawn: one of another way has another key.
  if (view > 0) text += " view of way 3, " + std::to_string(view) + " seed " + std::to_string(options.seed);
  return content_hash(text.data(), text.size());
}

void make_view(const levit_context* context, const Picture& picture, uint64_t content,
               const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out) {
  const uint64_t sources[] = {content, view, options.seed};
  runtime::Mt19937 random(static_cast<uint32_t>(content_hash(sources, sizeof sources)));
  const bool drawn = view > 0;
  const bool plain = !drawn || random.uniform() < kPlainShare;
  const levit_image image = plain ? picture.image() : random_crop(picture.image(), random);
  const levit_resize resize = plain ? options.resize : LEVIT_RESIZE_SQUASH;
  size_t bytes = 0;
  check(levit_preprocess_bytes(image.width, image.height, resize, &bytes));
  scratch->resize(std::max(bytes, scratch->size()));
  check(levit_preprocess(context, &image, resize, scratch->data(), scratch->size(), out));
  if (!drawn && !options.equalise) return;
  SquarePixels pixels(out, out + size_t{LEVIT_SIDE} * LEVIT_SIDE * 3);
  if (plain && drawn && random.uniform() < 0.5) flip(&pixels);
  if (!plain) augment(context, &pixels, random);
  if (options.equalise) equalise(&pixels);
  std::copy(pixels.begin(), pixels.end(), out);
}

void equalise(std::vector<uint8_t>* pixels) {
  recompress(pixels, kEqualQuality);
}

std::vector<uint8_t> steady_view(const levit_context* context, const levit_image& image, levit_resize resize,
                                 const std::vector<uint8_t>& plain, size_t number) {
  // Crops: left, top, mirrored; of the numbers that are none, the plain pixels.
  struct Crop {
    bool crops;
    double left, top;
    bool mirrored;
  };
  constexpr Crop kViews[kSteadyViews] = {{false, 0, 0, false}, {false, 0, 0, true}, {true, 0.5, 0.5, false},
                                         {false, 0, 0, false}, {true, 0, 0, false}, {true, 1, 0, true},
                                         {true, 0, 1, true},   {true, 1, 1, false}};
  const Crop& view = kViews[number];
  SquarePixels pixels = view.crops ? preprocess(part(image, view.left, view.top), resize, context) : plain;
  if (view.mirrored) flip(&pixels);
  if (number == 3) recompress(&pixels, kSteadyQuality);
  return pixels;
}

}  // namespace levit::tools
