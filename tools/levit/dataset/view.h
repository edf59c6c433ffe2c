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
// others are random, by seed, content and number alone: a third of them the plain one, every second of those
// mirrored, the others augmented (augment.h). scratch grows as needed. context: of
// whose target.
void make_view(const levit_context* context, const Picture& picture, uint64_t content,
               const ViewOptions& options, uint32_t view, std::vector<uint8_t>* scratch, uint8_t* out);

// One pass through JPEG of the quality that ViewOptions::equalise means, in place.
void equalise(std::vector<uint8_t>* pixels);

// Views that tell how steady a verdict is: 0 the plain one, 1 mirrored, 2 the middle 80 % of each side, 3
// through JPEG of quality 75, 4 to 7 the same share at each corner, two of them mirrored. Nothing in them is
// random.
inline constexpr size_t kSteadyViews = 8;

// The pixels [224][224][3] of such a view, number < kSteadyViews. plain: those of view 0.
std::vector<uint8_t> steady_view(const levit_context* context, const levit_image& image, levit_resize resize,
                                 const std::vector<uint8_t>& plain, size_t number);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_VIEW_H_
