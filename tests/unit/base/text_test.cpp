#include "muster/base/text.hpp"

#include "support/catch.hpp"

using namespace muster;

TEST_CASE("what a shell takes as it is stays as it is") {
  for (const std::string text : {"a", "/var/lib/muster", "https://lab:7717", "train.17", "a=b,c+d%e@f_g-h"})
    CHECK(shell_word(text) == text);
}

TEST_CASE("what means something to a shell is quoted") {
  CHECK(shell_word("") == "''");
  CHECK(shell_word("/my work/state") == "'/my work/state'");
  CHECK(shell_word("~/state") == "'~/state'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  for (const std::string text : {"a\"b", "$HOME", "a\\b", "a\nb", "a\tb", "a;b", "a&b", "a|b", "a*b", "a?b", "[a]",
                                 "`a`", "#a", "!a", "(a)", "<a", ">a", "{a,b}", "j\xc3\xbcrgen"})
    CHECK(shell_word(text) == "'" + text + "'");
}
