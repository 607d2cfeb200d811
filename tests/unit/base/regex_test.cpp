#include "support/catch.hpp"

#include "muster/base/regex.hpp"

using namespace muster;

TEST_CASE("a regular expression matches all, the start, or a part") {
  const auto x = regex::compile(".*\\.(json|yaml)$");
  REQUIRE(x);
  CHECK(x->pattern() == ".*\\.(json|yaml)$");
  CHECK(*x->matches_all("a/b.json"));
  CHECK_FALSE(*x->matches_all("a/b.txt"));
  const auto ab = regex::compile("ab");
  REQUIRE(ab);
  CHECK(*ab->matches_start("abc"));
  CHECK_FALSE(*ab->matches_start("cab"));
  CHECK(*ab->matches_part("cab"));
  CHECK_FALSE(*ab->matches_all("abc"));
}

TEST_CASE("characters are code points") {
  const auto x = regex::compile("^.$");
  REQUIRE(x);
  CHECK(*x->matches_all("\xc3\xbc"));
}

TEST_CASE("a byte that is no part of a character counts as one that no pattern names") {
  const auto any = regex::compile(".*\\.png");
  const auto letter = regex::compile("[a-z]+\\.png");
  REQUIRE(any);
  REQUIRE(letter);
  const std::string name = "c\xff\xc3.png";
  CHECK(any->matches_all(name).value());
  CHECK_FALSE(letter->matches_all(name).value());
  CHECK(letter->matches_part(name).value() == false);
  CHECK(regex::compile("c..\\.png")->matches_all(name).value());
}

TEST_CASE("a pattern that does not compile says why") {
  const auto x = regex::compile("a[");
  REQUIRE_FALSE(x);
  CHECK(x.failure().code == ec::invalid_argument);
  CHECK_FALSE(x.failure().message.empty());
}

TEST_CASE("a match that would take for ever ends with an error") {
  const auto x = regex::compile("(a+)+$");
  REQUIRE(x);
  const auto found = x->matches_all(std::string(64, 'a') + "b");
  REQUIRE_FALSE(found);
  CHECK(found.failure().code == ec::limit_exceeded);
}
