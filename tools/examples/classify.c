/* The library from C99, with nothing else: classify MODEL.levit PICTURE.ppm
 * All memory comes from this program; a firmware build would place model and arena in its own sections. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "levit.h"

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const char* what, levit_status status) {
  if (status != LEVIT_OK) fail(what, levit_status_text(status));
}

/* The next multiple of LEVIT_ARENA_ALIGNMENT in memory that is never freed. */
static void* allocate(size_t bytes) {
  uint8_t* memory = (uint8_t*)malloc(bytes + LEVIT_ARENA_ALIGNMENT);
  if (memory == NULL) fail("memory", "none left");
  return memory + (LEVIT_ARENA_ALIGNMENT - (uintptr_t)memory % LEVIT_ARENA_ALIGNMENT);
}

static void* read_file(const char* path, size_t* bytes) {
  FILE* file = fopen(path, "rb");
  long end = -1;
  void* data;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) fail(path, "cannot be read");
  *bytes = (size_t)end;
  data = allocate(*bytes);
  rewind(file);
  if (fread(data, 1, *bytes, file) != *bytes) fail(path, "cannot be read");
  fclose(file);
  return data;
}

/* A PPM without comments: "P6 width height 255", one white space, rows of RGB8. */
static levit_image read_ppm(const char* path) {
  levit_image image;
  unsigned width, height, largest;
  FILE* file = fopen(path, "rb");
  uint8_t* pixels;
  if (file == NULL || fscanf(file, "P6 %5u %5u %5u", &width, &height, &largest) != 3 || largest != 255 ||
      fgetc(file) == EOF) {
    fail(path, "not a PPM of 8 bits");
  }
  image.width = width;
  image.height = height;
  image.stride = 3 * image.width;
  pixels = (uint8_t*)allocate(image.stride * image.height);
  if (fread(pixels, image.stride, image.height, file) != image.height) fail(path, "truncated");
  fclose(file);
  image.pixels = pixels;
  return image;
}

int main(int argc, char** argv) {
  const levit_model* model;
  levit_context* context;
  levit_info info;
  levit_image image;
  levit_input input;
  levit_options options = levit_default_options();
  size_t bytes, i;
  void* memory;
  float* scores;
  const char* label;
  uint8_t* pixels = (uint8_t*)allocate((size_t)LEVIT_SIDE * LEVIT_SIDE * 3);
  if (argc != 3) fail("usage", "classify MODEL.levit PICTURE.ppm");

  memory = read_file(argv[1], &bytes);
  check(argv[1], levit_open(memory, bytes, &model));
  info.size = sizeof info;
  check(argv[1], levit_model_info(model, &info));

  check("arena", levit_arena_bytes(model, &options, &bytes));
  check("arena", levit_create(model, &options, allocate(bytes), bytes, &context));

  image = read_ppm(argv[2]);
  check(argv[2], levit_preprocess_bytes(image.width, image.height, info.resize, &bytes));
  check(argv[2], levit_preprocess(context, &image, info.resize, allocate(bytes), bytes, pixels));

  scores = (float*)allocate(info.classes * sizeof *scores);
  input.rgb = pixels;
  input.tensor = NULL;
  check(argv[2], levit_classify(context, input, 1, scores));
  check(argv[2], levit_probabilities(context, scores, 1, scores));
  label = levit_label(model, 0);
  for (i = 0; label != NULL; ++i, label = levit_next_label(model, label))
    printf("%s %.6f\n", label, (double)scores[i]);
  return 0;
}
