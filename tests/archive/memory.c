/* All memory that the library is given, on a stack that is measured: classifying with the default model takes
 * at most 0.8 MB, arena and stack; learning a head of two classes on cached features at most 64 KB beside the
 * arena. */
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "levit.h"

extern const uint64_t levit_weights[];
extern const size_t levit_weights_bytes;

enum { kStackBytes = 1 << 18, kPaint = 0xa5, kMost = 1 << 21, kRows = 64, kFeatures = 384, kClasses = 2 };
static unsigned char stack[kStackBytes], scene[LEVIT_SIDE * LEVIT_SIDE * 3];
static unsigned char memory[kMost + LEVIT_ARENA_ALIGNMENT];
static float features[kRows * kFeatures]; /* the cache */
static uint32_t labels[kRows];
static ucontext_t caller, callee;
static levit_status status;
static levit_context* context;
static size_t used; /* of the memory */

static void* take(size_t bytes) {
  unsigned char* const at = memory + (LEVIT_ARENA_ALIGNMENT - (size_t)memory % LEVIT_ARENA_ALIGNMENT) + used;
  used += (bytes + LEVIT_ARENA_ALIGNMENT - 1) / LEVIT_ARENA_ALIGNMENT * LEVIT_ARENA_ALIGNMENT;
  return used <= kMost - LEVIT_ARENA_ALIGNMENT ? at : NULL;
}

/* Runs work() on the painted stack. Returns the bytes of it that were touched. */
static size_t stack_of(void (*work)(void)) {
  size_t untouched = 0;
  memset(stack, kPaint, sizeof stack);
  getcontext(&callee);
  callee.uc_stack.ss_sp = stack;
  callee.uc_stack.ss_size = sizeof stack;
  callee.uc_link = &caller;
  makecontext(&callee, work, 0);
  swapcontext(&caller, &callee);
  while (untouched < sizeof stack && stack[untouched] == kPaint) ++untouched;
  return sizeof stack - untouched;
}

static void classify(void) {
  const levit_options options = levit_default_options();
  const levit_model* model;
  levit_input input;
  float logits[kClasses];
  size_t bytes = 0;
  input.rgb = scene;
  input.tensor = NULL;
  status = levit_open(levit_weights, levit_weights_bytes, &model);
  if (status == LEVIT_OK) status = levit_arena_bytes(model, &options, &bytes);
  if (status == LEVIT_OK) status = levit_create(model, &options, take(bytes), bytes, &context);
  if (status == LEVIT_OK) status = levit_classify(context, input, 1, logits);
  if (status == LEVIT_OK) status = levit_probabilities(context, logits, 1, logits);
}

static void learn(void) {
  levit_head_options options = levit_default_head_options(kFeatures, kClasses);
  levit_head_trainer* trainer = NULL;
  const levit_head* head = NULL;
  /* Mean and scale first, which the trainer copies; then the weights. */
  float* const weight = (float*)take(kClasses * kFeatures * sizeof(float));
  float* const mean = weight;
  float* const scale = weight + kFeatures;
  float bias[kClasses];
  double loss = 0, first = 0;
  size_t bytes = 0, step;
  status = levit_feature_scale(features, kRows, kFeatures, mean, scale);
  options.mean = mean;
  options.scale = scale;
  if (status == LEVIT_OK) status = levit_head_bytes(&options, &bytes);
  if (status == LEVIT_OK) status = levit_head_create(&options, take(bytes), bytes, &trainer);
  for (step = 0; step < 50 && status == LEVIT_OK; ++step) {
    status = levit_head_gradient(trainer, features, labels, kRows, &loss, NULL);
    if (step == 0) first = loss;
    if (status == LEVIT_OK) status = levit_head_step(trainer, levit_cosine_rate(0.01, step, 1, 50));
  }
  if (status == LEVIT_OK) status = levit_head_get(trainer, weight, bias);
  if (status == LEVIT_OK) status = levit_head_pack_bytes(kFeatures, kClasses, &bytes);
  if (status == LEVIT_OK)
    status = levit_head_pack(weight, bias, kFeatures, kClasses, take(bytes), bytes, &head);
  if (status == LEVIT_OK) status = levit_use_head(context, head);
  if (status == LEVIT_OK && !(loss < 0.5 * first)) status = LEVIT_DIVERGED; /* it does learn */
}

static int within(const char* what, size_t bytes, size_t stack_bytes, size_t most) {
  printf("%s: %zu bytes and a stack of %zu: %zu of %zu\n", what, bytes, stack_bytes, bytes + stack_bytes,
         most);
  if (status != LEVIT_OK) printf("%s: %s\n", what, levit_status_text(status));
  return status == LEVIT_OK && bytes > 0 && stack_bytes > 200 && bytes + stack_bytes <= most;
}

int main(void) {
  size_t i, stack_bytes, arena;
  int good;
  for (i = 0; i < sizeof scene; ++i) scene[i] = (unsigned char)(i * 7 / 3 + i / 672);
  for (i = 0; i < kRows; ++i) labels[i] = (uint32_t)(i % 2);
  for (i = 0; i < kRows * kFeatures; ++i)
    features[i] = (float)((i * 2654435761u >> 16) % 1000) / 1000 + (float)(i / kFeatures % 2 * (i % 3)) / 4;
  stack_bytes = stack_of(classify);
  arena = used;
  good = within("classify, arena", arena, stack_bytes, 800000);
  stack_bytes = stack_of(learn);
  good = within("learn a head of two classes, trainer and head", used - arena, stack_bytes, 65536) && good;
  return good ? 0 : 1;
}
