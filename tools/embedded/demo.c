/* The whole library on a board: a verdict on the picture in the image, its Grad-CAM drawn as text, and a head
 * of two new labels learned from a few windows of the picture. All memory is the two arrays below; what they
 * take is printed.
 *
 * Every line is a key and its value, so that tests/embedded can compare boards with each other. */
#include <string.h>

#include "levit.h"
#include "tools/embedded/board.h"
#include "tools/embedded/text.h"

#ifndef ARENA_BYTES
#define ARENA_BYTES \
  ((size_t)4 << 20) /* for gradients at the last stage but one; a forward pass needs 0.7 MB */
#endif
#define EPOCHS 30
#define WINDOWS 4 /* of each new label */

/* Pixels and features that outlive a call, and the arena that forward pass, gradient and trainer use in
 * turns. */
static uint8_t rgb[LEVIT_SIDE * LEVIT_SIDE * 3] __attribute__((aligned(LEVIT_ARENA_ALIGNMENT)));
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(LEVIT_ARENA_ALIGNMENT)));

/* Nine places behind the point. */
static void put_real(double value) {
  uint64_t scaled, place;
  if (value < 0) {
    put("-");
    value = -value;
  }
  scaled = (uint64_t)(value * 1e9 + 0.5);
  put_count(scaled / 1000000000);
  put(".");
  scaled %= 1000000000;
  for (place = 100000000; place > 0; place /= 10) board_put((char)('0' + scaled / place % 10));
}

static void line_count(const char* key, uint64_t value) {
  put(key);
  put(" ");
  put_count(value);
  put("\n");
}

static void line_real(const char* key, const char* label, double value) {
  put(key);
  put(" ");
  put(label);
  put(" ");
  put_real(value);
  put("\n");
}

/* A context with these features in the arena. */
static levit_context* context_with(const levit_model* model, uint32_t features, const char* what) {
  levit_options options = levit_default_options();
  levit_context* context;
  size_t bytes;
  options.features = features;
  options.target = board_target;
  check(what, levit_arena_bytes(model, &options, &bytes));
  line_count(what, bytes);
  check(what, levit_create(model, &options, arena, sizeof arena, &context));
  return context;
}

/* A part of the picture as the network sees it; the scratch lies behind the context, at the arena's end. */
static levit_input view_of(const levit_context* context, levit_resize resize, levit_image part) {
  levit_input input;
  size_t bytes;
  check("picture", levit_preprocess_bytes(part.width, part.height, resize, &bytes));
  check("picture", levit_preprocess(context, &part, resize, arena + sizeof arena - bytes, bytes, rgb));
  input.rgb = rgb;
  input.tensor = NULL;
  return input;
}

static void classify(const levit_model* model, levit_resize resize, levit_image picture) {
  levit_context* const context = context_with(model, 0, "arena_forward_bytes");
  const levit_input input = view_of(context, resize, picture);
  float logits[2], probabilities[2];
  const uint64_t start = board_nanoseconds();
  size_t k;
  check("classify", levit_classify(context, input, 1, logits));
  line_count("forward_ns", board_nanoseconds() - start);
  check("classify", levit_probabilities(context, logits, 1, probabilities));
  put("target ");
  put(levit_context_target(context));
  put("\n");
  for (k = 0; k < 2; ++k) {
    line_real("logit", levit_label(model, k), (double)logits[k]);
    line_real("probability", levit_label(model, k), (double)probabilities[k]);
  }
}

/* Grad-CAM of label 1 at the last layer with a grid of 14 x 14. */
static void explain(const levit_model* model, levit_resize resize, levit_image picture) {
  static const char shade[] = " .:-=+*#%@";
  levit_context* const context = context_with(model, LEVIT_GRADIENT, "arena_gradient_bytes");
  const levit_input input = view_of(context, resize, picture);
  const float direction[2] = {0, 1};
  float map[14 * 14], finished[28 * 28];
  const uint64_t start = board_nanoseconds();
  size_t x, y;
  check("explain", levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_STAGE0, map, NULL));
  line_count("gradcam_ns", board_nanoseconds() - start);
  check("explain", levit_cam_finish(map, 14, finished, 28, NULL));
  for (y = 0; y < 28; ++y) {
    put("map |");
    for (x = 0; x < 28; ++x) {
      const char c = shade[(size_t)(finished[y * 28 + x] * 9.0f + 0.5f)];
      board_put(c);
      board_put(c);
    }
    put("|\n");
  }
}

/* Window i of 2 * WINDOWS: three quarters as wide as the picture and half as high, from its upper half for
 * even i, from its lower half for odd i, further to the right with i. */
static levit_image window_of(levit_image picture, size_t i) {
  levit_image part = picture;
  part.width = picture.width * 3 / 4;
  part.height = picture.height / 2;
  part.pixels +=
      (i % 2) * part.height * picture.stride + (picture.width - part.width) * (i / 2) / (WINDOWS - 1) * 3;
  return part;
}

/* Learns "upper" from "lower" on every window but the last two, and is asked for those. */
static void learn(const levit_model* model, levit_resize resize, levit_image picture, size_t width) {
  static const char* const names[2] = {"upper", "lower"};
  static float features[2 * WINDOWS * 1024];
  static uint8_t memory[(size_t)64 << 10] __attribute__((aligned(LEVIT_ARENA_ALIGNMENT)));
  levit_context* const context = context_with(model, 0, "arena_forward_bytes");
  levit_head_options options = levit_default_head_options(width, 2);
  levit_head_trainer* trainer;
  const levit_head* head;
  uint32_t labels[2 * WINDOWS];
  size_t trainer_bytes, head_bytes, i;
  float weight_bias[2 * 1024 + 2], logits[2], probabilities[2];
  double loss = 0;
  uint64_t start;
  if (width > 1024) check("learn", LEVIT_ARGUMENT);
  for (i = 0; i < 2 * WINDOWS; ++i) {
    labels[i] = (uint32_t)(i % 2);
    check("learn",
          levit_features(context, view_of(context, resize, window_of(picture, i)), 1, features + i * width));
  }
  start = board_nanoseconds();
  check("learn", levit_head_bytes(&options, &trainer_bytes));
  check("learn", levit_head_create(&options, memory, sizeof memory, &trainer));
  for (i = 0; i < EPOCHS; ++i) {
    check("learn", levit_head_gradient(trainer, features, labels, 2 * WINDOWS - 2, &loss, NULL));
    if (i == 0) line_real("loss", "first", loss);
    check("learn", levit_head_step(trainer, levit_cosine_rate(1e-2, i, 1, EPOCHS)));
  }
  line_real("loss", "last", loss);
  check("learn", levit_head_get(trainer, weight_bias, weight_bias + 2 * width));
  check("learn", levit_head_pack_bytes(width, 2, &head_bytes));
  /* The trainer has done its work, and the head takes its place. */
  check("learn",
        levit_head_pack(weight_bias, weight_bias + 2 * width, width, 2, memory, sizeof memory, &head));
  line_count("learn_ns", board_nanoseconds() - start);
  line_count("trainer_bytes", trainer_bytes);
  line_count("head_bytes", head_bytes);
  check("learn", levit_use_head(context, head));
  for (i = 2 * WINDOWS - 2; i < 2 * WINDOWS; ++i) {
    check("learn", levit_classify(context, view_of(context, resize, window_of(picture, i)), 1, logits));
    check("learn", levit_softmax(logits, 1, 2, 1, probabilities));
    put("learned ");
    line_real(names[i % 2], names[probabilities[1] > 0.5f], (double)probabilities[i % 2]);
  }
}

int main(void) {
  const levit_model* model;
  levit_info info;
  const levit_image picture = embedded_picture();
  put("LeViT ");
  put(levit_version());
  put("\n");
  check("model", levit_open(demo_model, (size_t)(demo_model_end - demo_model), &model));
  memset(&info, 0, sizeof info);
  info.size = sizeof info;
  check("model", levit_model_info(model, &info));
  if (info.classes != 2) check("model", LEVIT_CLASS);
  line_count("model_bytes", (size_t)(demo_model_end - demo_model));
  classify(model, info.resize, picture);
  line_count("stack_forward_bytes", board_stack_bytes());
  explain(model, info.resize, picture);
  line_count("stack_gradient_bytes", board_stack_bytes());
  learn(model, info.resize, picture, info.dims[2]);
  line_count("stack_learning_bytes", board_stack_bytes());
  put("done\n");
  board_exit(0);
  return 0;
}
