/* The library as flat functions for JavaScript: numbers and addresses only, no structure crosses.
 *
 * One instance of the module is one context. JavaScript lays out everything above the heap's base
 * (engine.mjs) and says where: the weight image, the arena, and one region that every call uses anew. What is
 * always needed and never grows lies here as static arrays. A function that returns int returns a
 * levit_status. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "levit.h"

#define EXPORT __attribute__((visibility("default"), used))
#define PIXELS ((size_t)LEVIT_SIDE * LEVIT_SIDE)
#define ROWS_PER_STEP 64 /* of a training step, as levit finetune has it */

/* done of total; non-zero cancels. */
__attribute__((import_module("levit"), import_name("progress"))) int web_progress(size_t done, size_t total);

static const levit_model *model, *running; /* as it came; the same, or that widened to fp32 */
static levit_context* context;
static levit_options options;
static levit_info info;
static levit_rows* rows;

static uint8_t picture[3 * PIXELS];                  /* what the network sees */
static float tensor[3 * PIXELS], values[3 * PIXELS]; /* the same, normalised; signed values of its pixels */
static float background[2][3 * PIXELS];              /* of SHAP: a blurred copy, mean grey */
static float blur_rows[PIXELS];
static float map[PIXELS]; /* what is drawn: heat in [0, 1] or channel sums */
static levit_attribution numbers;
static levit_window window;
static float familiarity[2]; /* of what was classified last: distance, percentile */
static int flat;

static int on_progress(void* unused, size_t done, size_t total) {
  (void)unused;
  return web_progress(done, total);
}

EXPORT int web_open(const void* image, size_t bytes) {
  const levit_status status = levit_open(image, bytes, &model);
  running = model;
  context = NULL;
  info.size = sizeof info;
  return status == LEVIT_OK ? levit_model_info(model, &info) : status;
}

/* Bytes of web_widen's image; 0 when the model is in fp32 already. */
EXPORT size_t web_widened_bytes(void) {
  size_t bytes = 0;
  return info.dtype != LEVIT_F32 && levit_widened_bytes(model, &bytes) == LEVIT_OK ? bytes : 0;
}

/* Contexts made from now on run on the weights in fp32. What web_export writes stays as the file has it. */
EXPORT int web_widen(void* image, size_t bytes) {
  levit_status status = levit_widen(model, image, bytes);
  if (status == LEVIT_OK) status = levit_open(image, bytes, &running);
  if (status != LEVIT_OK) running = model;
  return status;
}

/* Bytes of the arena; 0 when these options cannot be served. */
EXPORT size_t web_arena_bytes(uint32_t features, uint32_t batch) {
  size_t bytes = 0;
  options = levit_default_options();
  options.features = features;
  options.batch = batch;
  options.progress = on_progress;
  return levit_arena_bytes(running, &options, &bytes) == LEVIT_OK ? bytes : 0;
}

/* With the options of the last web_arena_bytes. */
EXPORT int web_create(void* arena, size_t bytes) {
  return levit_create(running, &options, arena, bytes, &context);
}

EXPORT const char* web_status_text(int status) {
  return levit_status_text((levit_status)status);
}
EXPORT const char* web_status_name(int status) {
  return levit_status_name((levit_status)status);
}
EXPORT const char* web_version(void) {
  return levit_version();
}
EXPORT const char* web_target(void) {
  return levit_target_name(0);
}
EXPORT const char* web_label(size_t index) {
  return levit_label(model, index);
}
EXPORT const char* web_name(void) {
  return info.name;
}
EXPORT const char* web_note(void) {
  return info.note;
}
EXPORT size_t web_classes(void) {
  return info.classes;
}
EXPORT size_t web_labels(void) {
  return info.labels;
}
EXPORT size_t web_features(void) {
  return info.dims[2];
}
/* Class means that familiarity is measured from; 0: the model does not know it. */
EXPORT size_t web_means(void) {
  return info.familiarity;
}
EXPORT double web_parameters(void) {
  return (double)info.parameters;
}
EXPORT uint64_t web_checksum(void) {
  return info.checksum;
}
EXPORT size_t web_grid(int layer) {
  return info.grid[layer == LEVIT_STEM ? 0 : layer - LEVIT_STAGE0];
}

EXPORT uint8_t* web_picture(void) {
  return picture;
}
EXPORT float* web_values(void) {
  return values;
}
EXPORT float* web_map(void) {
  return map;
}
EXPORT float* web_familiarity(void) {
  return familiarity;
}
EXPORT int web_flat(void) {
  return flat;
}
/* Score, base value, sum, gap, standard error. */
EXPORT double* web_numbers(void) {
  return &numbers.score;
}
/* Left, top, width, height of what the network sees. */
EXPORT double* web_window(size_t width, size_t height) {
  return levit_preprocess_window(width, height, info.resize, &window) == LEVIT_OK ? &window.left : NULL;
}

/* Rows of a picture, upright, from the top; 0 for a size that cannot be served. */
EXPORT size_t web_rows_bytes(size_t width, size_t height) {
  size_t bytes = 0;
  return levit_rows_bytes(width, height, 1, info.resize, &bytes) == LEVIT_OK ? bytes : 0;
}

EXPORT int web_rows_begin(size_t width, size_t height, void* scratch, size_t bytes) {
  return levit_rows_begin(context, width, height, 1, info.resize, scratch, bytes, picture, &rows);
}

/* pixels [count][width][channels], 3 or 4 of them; a fourth is dropped, as Pillow's convert("RGB") does, and
 * the pixels closed up where they are. */
EXPORT int web_rows_add(uint8_t* pixels, size_t width, size_t count, size_t channels) {
  const size_t all = width * count;
  size_t i;
  for (i = 0; channels == 4 && i < all; ++i) {
    const uint8_t red = pixels[4 * i], green = pixels[4 * i + 1], blue = pixels[4 * i + 2];
    pixels[3 * i] = red;
    pixels[3 * i + 1] = green;
    pixels[3 * i + 2] = blue;
  }
  return levit_rows_add(rows, pixels, 3 * width, count);
}

EXPORT int web_rows_end(void) {
  return levit_rows_end(rows);
}

static levit_input seen(void) {
  levit_input input;
  input.rgb = picture;
  input.tensor = NULL;
  return input;
}

/* logits [classes], probabilities [labels] and features [web_features()] of the picture, and how familiar it
 * is where the model knows that. */
EXPORT int web_classify(float* logits, float* probabilities, float* features) {
  const levit_status status = levit_classify_features(context, seen(), 1, logits, features);
  if (status != LEVIT_OK) return status;
  /* What cannot be measured, a distance that overflows, is no reason for no verdict. */
  if (levit_familiarity(model, features, 1, familiarity, familiarity + 1) != LEVIT_OK)
    memset(familiarity, 0, sizeof familiarity);
  return levit_probabilities(context, logits, 1, probabilities);
}

/* features [web_features()] of the picture: what a head learns from. */
EXPORT int web_picture_features(float* features) {
  return levit_features(context, seen(), 1, features);
}

/* The direction [classes] that speaks for a label: with one logit, that or minus that. */
static void set_direction(size_t label, float* direction) {
  const int one_logit = info.labels > info.classes;
  memset(direction, 0, info.classes * sizeof *direction);
  direction[one_logit ? 0 : label] = one_logit && label == 0 ? -1.0f : 1.0f;
}

/* The finished map [224][224] of a class activation method for a label, and whether it is flat. direction:
 * room for [classes]. */
EXPORT int web_cam(int method, int layer, size_t label, float* direction) {
  levit_status status;
  set_direction(label, direction);
  status = levit_cam(context, seen(), direction, (levit_cam_method)method, (levit_layer)layer, values, NULL);
  return status == LEVIT_OK ? levit_cam_finish(values, web_grid(layer), map, LEVIT_SIDE, &flat) : status;
}

/* One direction of a Gaussian blur whose rim repeats, transposed: two calls blur a plane. */
static void blur_transposed(const float* from, float* to, float sigma) {
  const int side = LEVIT_SIDE, reach = (int)ceilf(3 * sigma);
  float weight[2 * 64 + 1], sum = 0;
  int x, y, k;
  for (k = -reach; k <= reach; ++k) {
    const double distance = (double)k / (double)sigma;
    weight[k + reach] = (float)exp(-distance * distance / 2);
    sum += weight[k + reach];
  }
  for (y = 0; y < side; ++y) {
    for (x = 0; x < side; ++x) {
      float value = 0;
      for (k = -reach; k <= reach; ++k) {
        const int column = x + k < 0 ? 0 : x + k < side ? x + k : side - 1;
        value += weight[k + reach] * from[y * side + column];
      }
      to[x * side + y] = value / sum;
    }
  }
}

static void blur(const float* from, float* to, float sigma) {
  blur_transposed(from, blur_rows, sigma);
  blur_transposed(blur_rows, to, sigma);
}

static const float* background_at(void* unused, size_t index) {
  (void)unused;
  return background[index];
}

/* Gradient SHAP as levit explain has it: against a copy blurred by 16 pixels and mean grey. values
 * [3][224][224]; the map holds their channel sums, blurred by 2.5 pixels so that they can be seen. */
EXPORT int web_shap(size_t label, size_t samples, uint32_t seed, float* direction) {
  levit_shap_options shap;
  levit_status status = levit_normalise(context, picture, tensor);
  size_t c, i;
  if (status != LEVIT_OK) return status;
  for (c = 0; c < 3; ++c) blur(tensor + c * PIXELS, background[0] + c * PIXELS, 16);
  memset(background[1], 0, sizeof background[1]);
  set_direction(label, direction);
  memset(&shap, 0, sizeof shap);
  shap.size = sizeof shap;
  shap.direction = direction;
  shap.background = background_at;
  shap.backgrounds = 2;
  shap.samples = samples;
  shap.seed = seed;
  numbers.size = sizeof numbers;
  status = levit_shap(context, tensor, &shap, values, NULL, &numbers);
  if (status != LEVIT_OK) return status;
  flat = 1;
  for (i = 0; i < PIXELS; ++i) {
    tensor[i] = values[i] + values[PIXELS + i] + values[2 * PIXELS + i];
    if (tensor[i] != 0) flat = 0;
  }
  blur(tensor, map, 2.5f);
  return status;
}

static levit_head_options head_options(size_t classes) {
  return levit_default_head_options(info.dims[2], classes);
}

/* Memory for web_learn and what it hands to the trainer; 0 when there is no such head. */
EXPORT size_t web_learn_bytes(size_t classes) {
  const levit_head_options learn = head_options(classes);
  size_t bytes = 0;
  return levit_head_bytes(&learn, &bytes) == LEVIT_OK ? bytes : 0;
}

/* A head as `levit finetune --val 0` trains it: AdamW over shuffled steps of 64 pictures, one cosine.
 * features [count] [web_features()] with labels [count]; order [count], room for two rows of features and 64
 * more, trainer memory of web_learn_bytes; weight [classes][features], bias [classes]. */
EXPORT int web_learn(const float* features, const uint32_t* labels, size_t count, size_t classes,
                     size_t epochs, double rate, uint32_t* order, float* room, void* memory, size_t bytes,
                     float* weight, float* bias, double* loss) {
  const size_t width = info.dims[2], steps = (count + ROWS_PER_STEP - 1) / ROWS_PER_STEP;
  levit_head_options learn = head_options(classes);
  levit_head_trainer* trainer;
  float* const batch = room + 2 * width;
  uint32_t batch_labels[ROWS_PER_STEP];
  size_t epoch, step, i;
  levit_status status = levit_feature_scale(features, count, width, room, room + width);
  learn.mean = room;
  learn.scale = room + width;
  if (status == LEVIT_OK) status = levit_head_create(&learn, memory, bytes, &trainer);
  for (epoch = 0; status == LEVIT_OK && epoch < epochs; ++epoch) {
    levit_shuffle((uint32_t)epoch, count, order);
    for (step = 0; status == LEVIT_OK && step < steps; ++step) {
      for (i = 0; i < ROWS_PER_STEP && step * ROWS_PER_STEP + i < count; ++i) {
        const size_t from = order[step * ROWS_PER_STEP + i];
        memcpy(batch + i * width, features + from * width, width * sizeof *features);
        batch_labels[i] = labels[from];
      }
      status = levit_head_gradient(trainer, batch, batch_labels, i, loss, NULL);
      if (status == LEVIT_OK)
        status =
            levit_head_step(trainer, levit_cosine_rate(rate, epoch * steps + step, steps, epochs * steps));
    }
  }
  return status == LEVIT_OK ? levit_head_get(trainer, weight, bias) : status;
}

static levit_export_options exported;

/* Memory for the packed head of web_export. */
EXPORT size_t web_head_bytes(size_t classes) {
  size_t bytes = 0;
  return levit_head_pack_bytes(info.dims[2], classes, &bytes) == LEVIT_OK ? bytes : 0;
}

/* Packs the head and says how many bytes its weight file has; 0 when it cannot be written. label [classes]
 * are addresses of texts. */
EXPORT size_t web_export_bytes(const float* weight, const float* bias, size_t classes, void* head,
                               size_t head_bytes, const char* const* label, const char* name,
                               const char* note) {
  size_t bytes = 0;
  exported.size = sizeof exported;
  exported.label = label;
  exported.name = name;
  exported.note = note;
  if (levit_head_pack(weight, bias, info.dims[2], classes, head, head_bytes, &exported.head) != LEVIT_OK)
    return 0;
  return levit_export_bytes(model, &exported, &bytes) == LEVIT_OK ? bytes : 0;
}

/* The weight file of the last web_export_bytes. */
EXPORT int web_export(void* image, size_t bytes) {
  return levit_export(model, &exported, image, bytes);
}
