/* parent MODEL: a picture is classified, one with a NaN is refused, whatever flags the parent is built with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

enum { kFloats = 3 * 224 * 224, kMost = 1 << 20, kAlignment = 64 };
static unsigned char file_bytes[kMost + kAlignment];
static float tensor[kFloats];

int main(int argc, char** argv) {
  static const unsigned char not_a_number[4] = {0, 0, 0xc0, 0x7f};
  unsigned char* image = file_bytes + (kAlignment - (size_t)file_bytes % kAlignment) % kAlignment;
  float logits[16];
  int status;
  FILE* file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  const size_t bytes = file != NULL ? fread(image, 1, kMost, file) : 0;
  if (bytes == 0) return 2;
  fclose(file);
  status = plugin_classify(image, bytes, tensor, logits);
  printf("grey picture: %d\n", status);
  if (status != 0) return 1;
  memcpy(tensor + 1000, not_a_number, sizeof not_a_number); /* no arithmetic: -ffast-math knows no NaN */
  status = plugin_classify(image, bytes, tensor, logits);
  printf("not a number: %d\n", status);
  return status != 0 ? 0 : 1;
}
