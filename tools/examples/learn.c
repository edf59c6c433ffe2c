/* Learning on the device, from C99: learn MODEL.levit OUT.levit LABEL0 LABEL1 COUNT0 A.ppm ... B.ppm ...
 * The first COUNT0 pictures belong to LABEL0, the others to LABEL1. The head is that of
 * `levit finetune --val 0 --epochs 20`. All memory is one array of this program; a firmware build would give
 * it a section of its own, and would find model and pictures in flash. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "levit.h"

#define MEMORY_BYTES ((size_t)96 << 20)
#define EPOCHS 20
#define ROWS 64 /* of a step */

static uint8_t memory[MEMORY_BYTES];
static size_t used;

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const char* what, levit_status status) {
  if (status != LEVIT_OK) fail(what, levit_status_text(status));
}

/* The next bytes of the array, aligned. */
static void* take(size_t bytes) {
  uint8_t* at;
  while ((uintptr_t)(memory + used) % LEVIT_ARENA_ALIGNMENT != 0) ++used;
  if (bytes > MEMORY_BYTES - used) fail("memory", "none left");
  at = memory + used;
  used += bytes;
  return at;
}

static const levit_model* open_model(const char* path) {
  const levit_model* model;
  FILE* file = fopen(path, "rb");
  void* image;
  size_t bytes;
  long end = -1;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) fail(path, "cannot be read");
  bytes = (size_t)end;
  image = take(bytes);
  rewind(file);
  if (fread(image, 1, bytes, file) != bytes) fail(path, "cannot be read");
  fclose(file);
  check(path, levit_open(image, bytes, &model));
  return model;
}

/* A PPM of 8 bits as the network sees it: rgb [224][224][3]. */
static void read_picture(const levit_context* context, const char* path, levit_resize resize, uint8_t* rgb) {
  levit_image image;
  unsigned width, height, largest;
  const size_t before = used;
  size_t bytes;
  uint8_t* pixels;
  FILE* file = fopen(path, "rb");
  if (file == NULL || fscanf(file, "P6 %5u %5u %5u", &width, &height, &largest) != 3 || largest != 255 ||
      fgetc(file) == EOF) {
    fail(path, "not a PPM of 8 bits");
  }
  image.width = width;
  image.height = height;
  image.stride = 3 * image.width;
  pixels = (uint8_t*)take(image.stride * image.height);
  if (fread(pixels, image.stride, image.height, file) != image.height) fail(path, "truncated");
  fclose(file);
  image.pixels = pixels;
  check(path, levit_preprocess_bytes(image.width, image.height, resize, &bytes));
  check(path, levit_preprocess(context, &image, resize, take(bytes), bytes, rgb));
  used = before;
}

/* Trains a head of two classes on features [count][width] with labels [count], and packs it. */
static const levit_head* learn(const float* features, const uint32_t* labels, size_t count, size_t width) {
  levit_head_options options = levit_default_head_options(width, 2);
  levit_head_trainer* trainer;
  const levit_head* head;
  float* const mean = (float*)take(width * sizeof(float));
  float* const scale = (float*)take(width * sizeof(float));
  float* const weight = (float*)take(2 * width * sizeof(float));
  float* const rows = (float*)take(ROWS * width * sizeof(float));
  uint32_t* const order = (uint32_t*)take(count * sizeof(uint32_t));
  uint32_t row_labels[ROWS];
  float bias[2];
  const size_t steps = (count + ROWS - 1) / ROWS;
  size_t bytes, epoch, step, i, k;
  double loss = 0;
  check("features", levit_feature_scale(features, count, width, mean, scale));
  options.mean = mean;
  options.scale = scale;
  check("trainer", levit_head_bytes(&options, &bytes));
  check("trainer", levit_head_create(&options, take(bytes), bytes, &trainer));
  for (epoch = 0; epoch < EPOCHS; ++epoch) {
    levit_shuffle((uint32_t)epoch, count, order);
    for (step = 0; step < steps; ++step) {
      for (i = 0; i < ROWS && step * ROWS + i < count; ++i) {
        const uint32_t from = order[step * ROWS + i];
        for (k = 0; k < width; ++k) rows[i * width + k] = features[from * width + k];
        row_labels[i] = labels[from];
      }
      check("training", levit_head_gradient(trainer, rows, row_labels, i, &loss, NULL));
      check("training",
            levit_head_step(trainer, levit_cosine_rate(1e-3, epoch * steps + step, steps, EPOCHS * steps)));
    }
  }
  check("training", levit_head_get(trainer, weight, bias));
  check("head", levit_head_pack_bytes(width, 2, &bytes));
  check("head", levit_head_pack(weight, bias, width, 2, take(bytes), bytes, &head));
  printf("loss %.6f\n", loss);
  return head;
}

int main(int argc, char** argv) {
  const levit_model* model;
  levit_context* context;
  levit_info info;
  levit_input input;
  levit_options options = levit_default_options();
  levit_export_options exported;
  const char* names[2];
  uint8_t* const rgb = (uint8_t*)take((size_t)LEVIT_SIDE * LEVIT_SIDE * 3);
  uint32_t* labels;
  float* features;
  size_t bytes, count, i;
  void* image;
  FILE* file;
  if (argc < 8) fail("usage", "learn MODEL OUT LABEL0 LABEL1 COUNT0 PICTURE.ppm PICTURE.ppm ...");
  count = (size_t)argc - 6;
  model = open_model(argv[1]);
  info.size = sizeof info;
  check(argv[1], levit_model_info(model, &info));
  check("arena", levit_arena_bytes(model, &options, &bytes));
  check("arena", levit_create(model, &options, take(bytes), bytes, &context));
  features = (float*)take(count * info.dims[2] * sizeof(float));
  labels = (uint32_t*)take(count * sizeof(uint32_t));
  input.rgb = rgb;
  input.tensor = NULL;
  for (i = 0; i < count; ++i) {
    read_picture(context, argv[6 + i], info.resize, rgb);
    check(argv[6 + i], levit_features(context, input, 1, features + i * info.dims[2]));
    labels[i] = i < (size_t)atoi(argv[5]) ? 0 : 1;
  }
  names[0] = argv[3];
  names[1] = argv[4];
  exported.size = sizeof exported;
  exported.head = learn(features, labels, count, info.dims[2]);
  exported.label = names;
  exported.name = NULL;
  exported.note = "Head learned on the device.";
  exported.temperature = 0;
  check("export", levit_export_bytes(model, &exported, &bytes));
  image = take(bytes);
  check("export", levit_export(model, &exported, image, bytes));
  file = fopen(argv[2], "wb");
  if (file == NULL || fwrite(image, 1, bytes, file) != bytes || fclose(file) != 0)
    fail(argv[2], "cannot be written");
  return 0;
}
