// Views of a picture: what a network is shown of it, plain or augmented.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_VIEW_H_
#define LEVIT_TOOLS_LEVIT_DATASET_VIEW_H_

#include <cstdint>
#include <vector>

#include "levit.h"
#include "tools/picture/picture.h"

namespace levit::tools {

struct ViewOptions {
  levit_resize resize = LEVIT_RESIZE_SQUASH;
  bool ignore_orientation = false;
  bool equalise = false;  // every view through JPEG of one quality, so that it tells no classes apart
  uint32_t seed = 0;      // of augmented views
};

// A number for what decides a view besides the picture's bytes, for FeatureKey.
uint64_t view_key(const ViewOptions& options, uint32_t view, const char* target);

// Writes view number `view` of a picture to out [224][224][3]. View 0 is the plain one, levit_preprocess;
// others are random (augment.h), by seed, content and number alone. scratch grows as needed. context: of
// whose target.
void make_view(const levit_context* context, const Picture& picture, uint64_t content,
               const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_VIEW_H_
