#include <doctest/doctest.h>

#include <string>

#include "weights/validate.h"

using levit::weights::text_end;

namespace {

bool is_text(const std::string& text, bool lines = false) {
  const char* const begin = text.c_str();
  return text_end(begin, begin + text.size() + 1, lines) == begin + text.size() + 1;
}

}  // namespace

TEST_CASE("well-formed UTF-8 is text, to the ends of its ranges") {
  for (const char* text :
       {"", "ai", "~ ", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"}) {
    CAPTURE(text);
    CHECK(is_text(text));
  }
}

TEST_CASE("everything else is not") {
  for (const std::string text : {"\x80",
                                 "\xbf",
                                 "\xc0\x80",
                                 "\xc1\xbf",
                                 "\xc2",
                                 "\xc2z",
                                 "\xe0\x9f\xbf",
                                 "\xe1\x80",
                                 "\xe1\x80z",
                                 "\xed\xa0\x80",
                                 "\xed\xbf\xbf",
                                 "\xf0\x8f\xbf\xbf",
                                 "\xf1\x80\x80",
                                 "\xf4\x90\x80\x80",
                                 "\xf5\x80\x80\x80",
                                 "\xff",
                                 "\x1b",
                                 "\x7f",
                                 "\xc2\x80",
                                 "\xc2\x9f"}) {
    CAPTURE(text);
    CHECK(!is_text(text));
    CHECK(!is_text(text, true));
  }
}

TEST_CASE("tabs and newlines are text where lines are allowed") {
  for (const char* text : {"\t", "\n", "a\nb"}) {
    CHECK(is_text(text, true));
    CHECK(!is_text(text));
  }
  CHECK(!is_text("\r\n", true));
}

TEST_CASE("text without a zero before its end is refused") {
  const char text[] = {'a', '\xc3', '\xa4'};
  for (int bytes = 0; bytes <= 3; ++bytes) CHECK(text_end(text, text + bytes, false) == nullptr);
}
