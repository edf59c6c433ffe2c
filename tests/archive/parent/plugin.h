/* The plug-in's own interface; it hides the library's. */
#include <stddef.h>

int plugin_classify(const void* image, size_t bytes, const float* tensor, float* logits);
