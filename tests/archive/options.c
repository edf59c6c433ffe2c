/* What a library says of features that it is built without: options MODEL.levit prints the status of a
 * context with gradients and of one with attribution. */
#include <stdio.h>
#include <stdlib.h>

#include "levit.h"

static _Alignas(LEVIT_ARENA_ALIGNMENT) unsigned char image[64 << 10], arena[16 << 20];

int main(int argc, char** argv) {
  static const uint32_t features[2] = {LEVIT_GRADIENT, LEVIT_ATTRIBUTION};
  FILE* const file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  const levit_model* model;
  size_t i;
  if (file == NULL) return 1;
  if (levit_open(image, fread(image, 1, sizeof image, file), &model) != LEVIT_OK) return 1;
  for (i = 0; i < 2; ++i) {
    levit_options options = levit_default_options();
    levit_context* context;
    size_t bytes;
    levit_status asked, made;
    options.features = features[i];
    asked = levit_arena_bytes(model, &options, &bytes);
    made = levit_create(model, &options, arena, sizeof arena, &context);
    if (asked != made) return 1;
    printf(made == LEVIT_OK ? "has " : made == LEVIT_FEATURE ? "lacks " : "fails ");
  }
  return 0;
}
