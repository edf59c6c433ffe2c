/* app OUT.ppm: classifies a picture of its own with the model that is linked in, prints the logits, and
 * writes the picture, so that the same can be asked of `levit`. No heap: model in read-only memory, one
 * arena. */
#include <stdio.h>

#include "levit.h"

extern const uint64_t levit_weights[];
extern const size_t levit_weights_bytes;

enum { kWidth = 320, kHeight = 240, kArenaBytes = 1 << 20, kClasses = 16 };
static union {
  unsigned char bytes[kArenaBytes];
  double aligned;
} memory;
static unsigned char pixels[kHeight * kWidth * 3], rgb[LEVIT_SIDE * LEVIT_SIDE * 3];

static int classify(float* logits, float* probabilities, levit_info* info) {
  unsigned char* const arena =
      memory.bytes + (LEVIT_ARENA_ALIGNMENT - (size_t)memory.bytes % LEVIT_ARENA_ALIGNMENT);
  const size_t bytes = kArenaBytes - LEVIT_ARENA_ALIGNMENT;
  const levit_model* model;
  levit_context* context;
  levit_options options = levit_default_options();
  levit_image image;
  levit_input input;
  levit_status status = levit_open(levit_weights, levit_weights_bytes, &model);
  info->size = sizeof *info;
  if (status == LEVIT_OK) status = levit_model_info(model, info);
  if (status != LEVIT_OK) return (int)status;
  options.features = LEVIT_GRADIENT; /* the library is built without */
  if (levit_create(model, &options, arena, bytes, &context) != LEVIT_FEATURE) return -1;
  options.features = 0;
  image.pixels = pixels;
  image.width = kWidth;
  image.height = kHeight;
  image.stride = 3 * kWidth;
  /* The arena is the scratch as well: nothing is in it yet. */
  status = levit_preprocess(NULL, &image, info->resize, arena, bytes, rgb);
  if (status == LEVIT_OK) status = levit_create(model, &options, arena, bytes, &context);
  if (status != LEVIT_OK) return (int)status;
  input.rgb = rgb;
  input.tensor = NULL;
  status = levit_classify(context, input, 1, logits);
  if (status == LEVIT_OK) status = levit_probabilities(context, logits, 1, probabilities);
  return (int)status;
}

int main(int argc, char** argv) {
  float logits[kClasses], probabilities[kClasses];
  levit_info info;
  size_t i;
  int status;
  FILE* file = argc == 2 ? fopen(argv[1], "wb") : NULL;
  if (file == NULL) return 2;
  for (i = 0; i < sizeof pixels; ++i) pixels[i] = (unsigned char)(i * 7 / 3 + i / 960 * (i % 3));
  fprintf(file, "P6 %d %d 255\n", kWidth, kHeight);
  if (fwrite(pixels, 1, sizeof pixels, file) != sizeof pixels || fclose(file) != 0) return 2;
  status = classify(logits, probabilities, &info);
  if (status != 0) fprintf(stderr, "status %d\n", status);
  for (i = 0; status == 0 && i < info.classes; ++i) printf("%.9g\n", (double)logits[i]);
  return status != 0;
}
