#include "levit.h"

extern "C" const char* levit_status_name(levit_status status) {
  switch (status) {
#define LEVIT_NAME(name, sentence) \
  case LEVIT_##name:               \
    return #name;
    LEVIT_STATUS_LIST(LEVIT_NAME)
#undef LEVIT_NAME
    case LEVIT_STATUS_COUNT:
      break;
  }
  return "UNKNOWN";
}

extern "C" const char* levit_status_text(levit_status status) {
  switch (status) {
#define LEVIT_TEXT(name, sentence) \
  case LEVIT_##name:               \
    return sentence;
    LEVIT_STATUS_LIST(LEVIT_TEXT)
#undef LEVIT_TEXT
    case LEVIT_STATUS_COUNT:
      break;
  }
  return "not a status of this library";
}

extern "C" const char* levit_version(void) {
#define LEVIT_QUOTE(x) #x
#define LEVIT_DOTTED(a, b, c) LEVIT_QUOTE(a) "." LEVIT_QUOTE(b) "." LEVIT_QUOTE(c)
  return LEVIT_DOTTED(LEVIT_VERSION_MAJOR, LEVIT_VERSION_MINOR, LEVIT_VERSION_PATCH);
#undef LEVIT_DOTTED
#undef LEVIT_QUOTE
}
