/* Lines of a key and its values over the UART. */
#ifndef LEVIT_TOOLS_EMBEDDED_TEXT_H_
#define LEVIT_TOOLS_EMBEDDED_TEXT_H_

#include "levit.h"
#include "tools/embedded/board.h"

static inline void put(const char* text) {
  while (*text != '\0') board_put(*text++);
}

static inline void put_count(uint64_t value) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  put(digits + at);
}

/* Ends the program, and says why, unless all is well. */
static inline void check(const char* what, levit_status status) {
  if (status == LEVIT_OK) return;
  put(what);
  put(": ");
  put(levit_status_text(status));
  put("\n");
  board_exit(1);
}

/* "P6 width height 255", one white space, rows of RGB8. */
static inline levit_image embedded_picture(void) {
  levit_image image;
  size_t field[3] = {0, 0, 0}, i;
  const uint8_t* at = demo_picture + 2;
  for (i = 0; i < 3; ++i) {
    while (*at <= ' ') ++at;
    for (; *at >= '0' && *at <= '9'; ++at) field[i] = 10 * field[i] + (size_t)(*at - '0');
  }
  image.pixels = at + 1;
  image.width = field[0];
  image.height = field[1];
  image.stride = 3 * field[0];
  if (field[2] != 255 || image.pixels + image.stride * image.height != demo_picture_end)
    check("picture", LEVIT_IMAGE);
  return image;
}

#endif /* LEVIT_TOOLS_EMBEDDED_TEXT_H_ */
