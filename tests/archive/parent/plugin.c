/* What a plug-in or a binding would export: one call, the library inside. */
#include "plugin.h"

#include "levit.h"

static union {
  unsigned char bytes[1 << 20];
  double aligned;
} memory;

int plugin_classify(const void* image, size_t bytes, const float* tensor, float* logits) {
  const size_t past = (size_t)memory.bytes % LEVIT_ARENA_ALIGNMENT;
  unsigned char* arena = memory.bytes + (LEVIT_ARENA_ALIGNMENT - past) % LEVIT_ARENA_ALIGNMENT;
  const levit_options options = levit_default_options();
  const levit_model* model;
  levit_context* context;
  levit_input input;
  size_t needed;
  levit_status status = levit_open(image, bytes, &model);
  if (status == LEVIT_OK) status = levit_arena_bytes(model, &options, &needed);
  if (status == LEVIT_OK) {
    status = levit_create(model, &options, arena, sizeof memory.bytes - LEVIT_ARENA_ALIGNMENT, &context);
  }
  if (status != LEVIT_OK) return (int)status;
  input.rgb = NULL;
  input.tensor = tensor;
  return (int)levit_classify(context, input, 1, logits);
}
