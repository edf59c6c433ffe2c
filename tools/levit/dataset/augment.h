// Random changes of pictures for training, as torchvision's transforms define them, and what happens to
// pictures on their way through the web: re-compression, scaling down and up, blur, noise.
#ifndef LEVIT_TOOLS_LEVIT_DATASET_AUGMENT_H_
#define LEVIT_TOOLS_LEVIT_DATASET_AUGMENT_H_

#include <cstdint>
#include <vector>

#include "levit.h"
#include "runtime/mt19937.h"

namespace levit::tools {

// Pixels [224][224][3] that the network is shown.
using SquarePixels = std::vector<uint8_t>;

// RandomResizedCrop's rectangle (torchvision: area 0.5 to 1 of the picture, aspect 3/4 to 4/3, ten tries,
// then the largest centre crop), as a part of the picture's own pixels.
levit_image random_crop(const levit_image& image, runtime::Mt19937& random);

// context: as levit_preprocess takes it. In place, each with its own chance: horizontal flip (1/2),
// ColorJitter (brightness, contrast, saturation 0.2, hue 0.05, in random order), down and up scaling to 1/2
// .. 1 of the side (1/4), GaussianBlur of sigma 0.3 to 1.5 (1/4), Gaussian noise of sigma up to 8 levels
// (1/4), JPEG of quality 50 to 95 (1/2).
void augment(const levit_context* context, SquarePixels* pixels, runtime::Mt19937& random);

// Left becomes right.
void flip(SquarePixels* pixels);

// One pass through JPEG. Quality 1 to 100.
void recompress(SquarePixels* pixels, int quality);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_AUGMENT_H_
