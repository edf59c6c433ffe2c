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
