/* Instructions of each call, on data as unlike as it can be: lines "fixed|varies CALL: DATA INSTRUCTIONS" for
 * run_time_test.sh, which wants all of one fixed call to be the same number. The board is one of QEMU's,
 * whose clock counts instructions: one takes INSTRUCTION_NS, at least a tick of the clock (-icount shift). */
#include <string.h>

#include "levit.h"
#include "tools/embedded/board.h"
#include "tools/embedded/text.h"

#define PIXELS ((size_t)LEVIT_SIDE * LEVIT_SIDE * 3)
#define WIDTH 96 /* of the picture that is resized */
#define ROWS 4   /* of features */
#define WIDEST 64

typedef enum data { PHOTOGRAPH, ZERO, SUBNORMAL, LARGEST, NOISE, DATA } data;

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(LEVIT_ARENA_ALIGNMENT)));
static uint8_t memory[(size_t)64 << 10] __attribute__((aligned(LEVIT_ARENA_ALIGNMENT)));
static uint8_t photograph[PIXELS], rgb[PIXELS];
static float tensor[PIXELS], values[PIXELS], gradient[PIXELS];
static const float towards_first[2] = {1, 0};
static uint64_t started;

static void start(void) {
  started = board_nanoseconds();
}

/* Of what ran since `start`; it has to have gone well. */
static void stop(const char* kind, const char* call, data which, levit_status status) {
  static const char* const names[DATA] = {"photograph", "zero", "subnormal", "largest", "noise"};
  const uint64_t took = board_nanoseconds() - started;
  check(call, status);
  put(kind);
  put(" ");
  put(call);
  put(": ");
  put(names[which]);
  put(" ");
  put_count((took + INSTRUCTION_NS / 2) / INSTRUCTION_NS);
  put("\n");
}

static uint32_t noise(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static void fill_pixels(data which) {
  size_t i;
  for (i = 0; i < PIXELS; ++i)
    rgb[i] = which == PHOTOGRAPH ? photograph[i]
             : which == ZERO     ? 0
             : which == LARGEST  ? 255
                                 : (uint8_t)(noise() & 255);
}

/* `largest`: of either sign, in turns. A photograph's values are its own pixels. */
static void fill(data which, float* to, size_t count, float largest) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const uint32_t bits = noise();
    const float sign = (bits & 1) != 0 ? -1.0f : 1.0f;
    const uint32_t subnormal = (bits >> 1 & 0x7fffff) | (bits << 31);
    to[i] = which == PHOTOGRAPH ? (float)photograph[i % PIXELS] / 128.0f - 1.0f
            : which == ZERO     ? 0.0f
            : which == LARGEST  ? sign * largest
                                : sign * (float)bits / 16777216.0f;
    if (which == SUBNORMAL) memcpy(to + i, &subnormal, sizeof subnormal);
  }
}

static levit_context* context_with(const levit_model* model, uint32_t features) {
  levit_options options = levit_default_options();
  levit_context* context;
  options.features = features;
  check("context", levit_create(model, &options, arena, sizeof arena, &context));
  return context;
}

static const float* zeros(void* context, size_t index) {
  (void)context;
  (void)index;
  memset(values, 0, sizeof values);
  return values;
}

/* Pictures as bytes. */
static void of_pixels(levit_context* context, data which) {
  static const char* const cams[] = {"levit_cam, Grad-CAM", "levit_cam, Grad-CAM++", "levit_cam, HiResCAM",
                                     "levit_cam, LayerCAM", "levit_cam, XGrad-CAM"};
  levit_image picture;
  levit_input input;
  float logits[2], map[14 * 14], features[WIDEST];
  size_t bytes, i;
  fill_pixels(which);
  input.rgb = rgb;
  input.tensor = NULL;
  start();
  stop("fixed", "levit_classify, pixels", which, levit_classify(context, input, 1, logits));
  start();
  stop("fixed", "levit_features", which, levit_features(context, input, 1, features));
  start();
  stop("fixed", "levit_class_map", which, levit_class_map(context, input, 0, map, logits));
  start();
  stop("fixed", "levit_normalise", which, levit_normalise(context, rgb, tensor));
  for (i = 0; i < 5; ++i) {
    start();
    stop(i == LEVIT_GRADCAM_PLUSPLUS || i == LEVIT_LAYERCAM ? "varies" : "fixed", cams[i], which,
         levit_cam(context, input, towards_first, (levit_cam_method)i, LEVIT_STAGE0, map, logits));
  }
  picture.pixels = rgb;
  picture.width = WIDTH;
  picture.height = PIXELS / 3 / WIDTH;
  picture.stride = (size_t)3 * WIDTH;
  check("picture", levit_preprocess_bytes(picture.width, picture.height, LEVIT_RESIZE_TIMM, &bytes));
  if (bytes > sizeof values) check("picture", LEVIT_ARENA);
  start();
  stop("fixed", "levit_preprocess", which,
       levit_preprocess(context, &picture, LEVIT_RESIZE_TIMM, values, sizeof values, (uint8_t*)tensor));
}

/* Pictures as tensors, and directions. */
static void of_tensors(levit_context* context, data which) {
  levit_input input;
  float logits[2], direction[2];
  levit_attribution attribution;
  fill(which, tensor, PIXELS, 1048576.0f);
  input.rgb = NULL;
  input.tensor = tensor;
  start();
  stop("fixed", "levit_classify, tensor", which, levit_classify(context, input, 1, logits));
  start();
  stop("fixed", "levit_gradient, tensor", which,
       levit_gradient(context, input, 1, towards_first, LEVIT_INPUT, values, NULL, logits));
  memset(&attribution, 0, sizeof attribution);
  attribution.size = sizeof attribution;
  fill(which, tensor, PIXELS, 1000);
  start();
  stop("fixed", "levit_integrated_gradients", which,
       levit_integrated_gradients(context, tensor, NULL, towards_first, 1, values, &attribution));
  fill(PHOTOGRAPH, tensor, PIXELS, 1);
  fill(which, direction, 2, 1000);
  start();
  stop("fixed", "levit_gradient, direction", which,
       levit_gradient(context, input, 1, direction, LEVIT_STAGE0, values, NULL, logits));
}

/* The picture's noise and the random numbers are the same for every picture: the seed is. */
static void of_shap(levit_context* context, data which) {
  levit_shap_options shap;
  levit_attribution attribution;
  memset(&shap, 0, sizeof shap);
  shap.size = sizeof shap;
  shap.direction = towards_first;
  shap.background = zeros;
  shap.backgrounds = shap.samples = 1;
  memset(&attribution, 0, sizeof attribution);
  attribution.size = sizeof attribution;
  fill(which, tensor, PIXELS, 1000);
  start();
  stop("fixed", "levit_shap, one seed", which,
       levit_shap(context, tensor, &shap, gradient, NULL, &attribution));
}

/* What is small. */
static void of_values(const levit_context* context, data which) {
  float logits[2], map[14 * 14];
  fill(which, logits, 2, 1e30f);
  start();
  stop("varies", "levit_probabilities", which, levit_probabilities(context, logits, 1, logits));
  fill(which, map, 14 * 14, 1e30f);
  start();
  stop("varies", "levit_cam_finish", which, levit_cam_finish(map, 14, values, LEVIT_SIDE, NULL));
}

static void learn(data which) {
  static const uint32_t labels[ROWS] = {0, 1, 0, 1};
  const levit_head_options options = levit_default_head_options(WIDEST, 2);
  levit_head_trainer* trainer;
  fill(which, values, (size_t)ROWS * WIDEST, 1e6f);
  check("trainer", levit_head_create(&options, memory, sizeof memory, &trainer));
  /* The first step starts from zero. */
  check("trainer", levit_head_gradient(trainer, values, labels, ROWS, NULL, NULL));
  check("trainer", levit_head_step(trainer, 1e-3));
  start();
  stop("varies", "levit_head_gradient", which,
       levit_head_gradient(trainer, values, labels, ROWS, NULL, NULL));
  start();
  stop("fixed", "levit_head_step", which, levit_head_step(trainer, 1e-3));
}

static void learn_all(const levit_model* model, data which) {
  static const uint32_t label = 1;
  const levit_train_options options = levit_default_train_options();
  levit_trainer* trainer;
  levit_input input;
  fill_pixels(which);
  input.rgb = rgb;
  input.tensor = NULL;
  check("trainer", levit_train_create(model, &options, arena, sizeof arena, &trainer));
  start();
  stop("varies", "levit_train_step", which,
       levit_train_step(trainer, input, &label, 1, 1e-3, NULL, NULL, NULL));
}

int main(void) {
  const levit_model* model;
  const levit_image picture = embedded_picture();
  levit_context* context;
  data which;
  check("model", levit_open(demo_model, (size_t)(demo_model_end - demo_model), &model));
  check("picture", levit_preprocess(NULL, &picture, LEVIT_RESIZE_SQUASH, arena, sizeof arena, photograph));
  context = context_with(model, LEVIT_GRADIENT | LEVIT_ATTRIBUTION);
  for (which = PHOTOGRAPH; which < DATA; ++which) {
    if (which != SUBNORMAL) of_pixels(context, which);
    of_tensors(context, which);
    of_shap(context, which);
    of_values(context, which);
    learn(which);
  }
  for (which = PHOTOGRAPH; which < DATA; ++which)
    if (which != SUBNORMAL) learn_all(model, which);
  put("done\n");
  board_exit(0);
  return 0;
}
