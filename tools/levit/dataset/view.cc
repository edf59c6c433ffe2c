#include "tools/levit/dataset/view.h"

#include <algorithm>
#include <string>

#include "levit.hpp"
#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {

uint64_t view_key(const ViewOptions& options, uint32_t view, const char* target) {
  std::string text =
      std::to_string(options.resize) + (options.ignore_orientation ? " stored " : " upright ") + target;
  if (view > 0) text += " view " + std::to_string(view) + " seed " + std::to_string(options.seed);
  return content_hash(text.data(), text.size());
}

void make_view(const levit_context* context, const Picture& picture, uint64_t /*content*/,
               const ViewOptions& options, uint32_t /*view*/, std::vector<uint8_t>* scratch, uint8_t* out) {
  const levit_image image = picture.image();
  size_t bytes = 0;
  check(levit_preprocess_bytes(image.width, image.height, options.resize, &bytes));
  scratch->resize(std::max(bytes, scratch->size()));
  check(levit_preprocess(context, &image, options.resize, scratch->data(), scratch->size(), out));
}

}  // namespace levit::tools
