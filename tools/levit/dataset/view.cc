#include "tools/levit/dataset/view.h"

#include <algorithm>
#include <string>

#include "levit.hpp"
#include "tools/levit/dataset/augment.h"
#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {
namespace {

constexpr int kEqualQuality = 90;

}  // namespace

uint64_t view_key(const ViewOptions& options, uint32_t view, const char* target) {
  std::string text =
      std::to_string(options.resize) + (options.ignore_orientation ? " stored " : " upright ") + target;
  if (options.equalise) text += " equalised";
  if (view > 0) text += " view " + std::to_string(view) + " seed " + std::to_string(options.seed);
  return content_hash(text.data(), text.size());
}

void make_view(const levit_context* context, const Picture& picture, uint64_t content,
               const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out) {
  const uint64_t sources[] = {content, view, options.seed};
  runtime::Mt19937 random(static_cast<uint32_t>(content_hash(sources, sizeof sources)));
  const bool plain = view == 0;
  const levit_image image = plain ? picture.image() : random_crop(picture.image(), random);
  const levit_resize resize = plain ? options.resize : LEVIT_RESIZE_SQUASH;
  size_t bytes = 0;
  check(levit_preprocess_bytes(image.width, image.height, resize, &bytes));
  scratch->resize(std::max(bytes, scratch->size()));
  check(levit_preprocess(context, &image, resize, scratch->data(), scratch->size(), out));
  if (plain && !options.equalise) return;
  SquarePixels pixels(out, out + size_t{LEVIT_SIDE} * LEVIT_SIDE * 3);
  if (!plain) augment(context, &pixels, random);
  if (options.equalise) recompress(&pixels, kEqualQuality);
  std::copy(pixels.begin(), pixels.end(), out);
}

}  // namespace levit::tools
