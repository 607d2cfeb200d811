#include "support/catch.hpp"

#include "muster/base/utf8.hpp"

using namespace muster;

TEST_CASE("well-formed UTF-8 is told from what only looks like it") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("abc \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"));
  CHECK(first_invalid_utf8("ab\xff") == 2);
  CHECK(first_invalid_utf8("a\xc3") == 1);            // cut short
  CHECK(first_invalid_utf8("\xc0\x80") == 0);         // overlong
  CHECK(first_invalid_utf8("\xe0\x80\x80") == 0);     // overlong
  CHECK(first_invalid_utf8("\xed\xa0\x80") == 0);     // surrogate
  CHECK(first_invalid_utf8("\xf4\x90\x80\x80") == 0); // above U+10FFFF
  CHECK(first_invalid_utf8("\x80") == 0);
}

TEST_CASE("code points are written and counted") {
  std::string text;
  for (const char32_t c : {U'a', U'\u00fc', U'\u20ac', U'\U0001F600', U'\U0010FFFF'})
    append_utf8(text, c);
  CHECK(is_utf8(text));
  CHECK(text.size() == 14);
  CHECK(code_points(text) == 5);
}
