#include "tools/common/text.h"

#include <doctest/doctest.h>

using namespace levit::tools;

TEST_CASE("UTF-8 is told from other bytes") {
  for (const char* text :
       {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x93\xb7", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    CHECK(valid_utf8(text));
  for (const char* bytes : {"\xff", "a\x80", "\xc3", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
                            "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    CHECK_FALSE(valid_utf8(bytes));
}

TEST_CASE("what a terminal could take for a command is shown as bytes") {
  CHECK(visible("caf\xc3\xa9.jpg") == "caf\xc3\xa9.jpg");
  CHECK(visible("\x1b[31m\n") == "\\x1B[31m\\x0A");
  CHECK(visible("caf\xe9.jpg") == "caf\\xE9.jpg");
  CHECK(visible("\xc2\x9b") == "\\xC2\\x9B");  // the one-character form of ESC [
}

TEST_CASE("percent form keeps every byte") {
  CHECK(percent_encoded("a/b-c_d.e~f") == "a/b-c_d.e~f");
  CHECK(percent_encoded("100% \xff") == "100%25%20%FF");
}

TEST_CASE("CSV fields are quoted where RFC 4180 asks for it") {
  CHECK(csv_field("plain name.jpg") == "plain name.jpg");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_field("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("characters are code points") {
  CHECK(characters("") == 0);
  CHECK(characters("na\xc3\xafve \xf0\x9f\x93\xb7") == 7);
}
