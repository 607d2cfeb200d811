#include "muster/base/nearest.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using muster::did_you_mean;
using muster::edit_distance;
using muster::nearest;

TEST_CASE("the nearest name is suggested, if any is near") {
  const std::vector<std::string_view> known = {"command", "args", "environment", "hostNetwork"};
  CHECK(nearest("comand", known) == "command");
  CHECK(nearest("commnad", known) == "command");
  CHECK(nearest("ARGS", known) == "args");
  CHECK(nearest("host_network", known) == "hostNetwork");
  CHECK(nearest("zzzzzz", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(did_you_mean("arg", known) == "did you mean 'args'?");
  CHECK(did_you_mean("image", known).empty());
}

TEST_CASE("short names are suggested only if they have something in common") {
  const std::vector<std::string> known = {"n", "ab", "abc"};
  CHECK(nearest("x", known).empty());
  CHECK(nearest("N", known) == "n");
  CHECK(nearest("ax", known) == "ab");
  CHECK(nearest("xy", known).empty());
  CHECK(nearest("axy", known).empty());
}

TEST_CASE("what is far too long is compared with nothing") {
  const std::vector<std::string> known = {std::string(200, 'a')};
  CHECK(nearest(std::string(200, 'a'), known).empty());
}

TEST_CASE("the distance of words counts insertions, deletions, replacements and swaps, up to a bound") {
  CHECK(edit_distance("", "", 3) == 0);
  CHECK(edit_distance("abc", "ABC", 3) == 0);
  CHECK(edit_distance("abc", "acb", 3) == 1);
  CHECK(edit_distance("abc", "bc", 3) == 1);
  CHECK(edit_distance("abc", "xbcy", 3) == 2);
  CHECK(edit_distance("abc", "xyz", 1) == 2);
  CHECK(edit_distance("", "abcdef", 3) == 4);
}
