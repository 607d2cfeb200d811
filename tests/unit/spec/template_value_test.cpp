#include "support/catch.hpp"

#include "muster/spec/template_value.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

using muster::spec::template_dict;
using value = muster::spec::template_value;

TEST_CASE("template values print as Python prints them") {
  CHECK(value().str() == "None");
  CHECK(value(true).str() == "True");
  CHECK(value(false).repr() == "False");
  CHECK(value(-7).str() == "-7");
  CHECK(value(std::numeric_limits<std::int64_t>::min()).str() == "-9223372036854775808");
  CHECK(value("a").str() == "a");
  CHECK(value("a").repr() == "'a'");
  CHECK(value("it's").repr() == "\"it's\"");
  CHECK(value("'\"").repr() == "'\\'\"'");
  CHECK(value("a\n\t\\\x01\x7f").repr() == "'a\\n\\t\\\\\\x01\\x7f'");
  CHECK(value("\u00e9\u00a0").repr() == "'\u00e9\\xa0'");
  CHECK(value::make_list({1, "x", value(), true}).str() == "[1, 'x', None, True]");
  CHECK(value::make_tuple({1}).str() == "(1,)");
  CHECK(value::make_tuple().str() == "()");
  template_dict dict;
  dict.set("k", 1.0);
  dict.set(2, value::make_list());
  CHECK(value::make_dict(dict).str() == "{'k': 1.0, 2: []}");
}

TEST_CASE("template floats print as Python's repr") {
  const std::pair<double, const char*> cases[] = {
      {5.0, "5.0"},
      {0.1, "0.1"},
      {-0.0, "-0.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1.5e16, "1.5e+16"},
      {1e-4, "0.0001"},
      {1e-5, "1e-05"},
      {1.5e300, "1.5e+300"},
      {123456.789, "123456.789"},
      {2.0 / 3, "0.6666666666666666"},
      {1e22, "1e+22"},
      {HUGE_VAL, "inf"},
      {-HUGE_VAL, "-inf"},
      {std::nan(""), "nan"},
  };
  for (const auto& [number, text] : cases)
    CHECK(value(number).str() == text);
}

TEST_CASE("template values have Python's truth and equality") {
  CHECK_FALSE(value().truthy());
  CHECK_FALSE(value(0).truthy());
  CHECK_FALSE(value("").truthy());
  CHECK_FALSE(value::make_list().truthy());
  CHECK(value::make_list({value()}).truthy());
  CHECK(value("0").truthy());
  CHECK(value(1).equals(value(1.0)));
  CHECK(value(1).equals(value(true)));
  CHECK_FALSE(value(1).equals(value("1")));
  CHECK_FALSE(value(std::nan("")).equals(value(std::nan(""))));
  CHECK(value::make_list({1, "x"}).equals(value::make_list({1.0, "x"})));
  CHECK_FALSE(value::make_list({1}).equals(value::make_tuple({1})));
  // 2^53 + 1 is no double: the comparison must not round.
  CHECK_FALSE(value(std::int64_t{9007199254740993}).equals(value(9007199254740992.0)));
}

TEST_CASE("a template dict keeps order, and has one entry per equal key") {
  template_dict dict;
  for (int i = 0; i < 100; ++i)
    dict.set(i, i * i);
  dict.set(50.0, "fifty");
  dict.set(true, "one");
  REQUIRE(dict.size() == 100);
  CHECK(dict.entries()[50].first.repr() == "50");
  CHECK(dict.find(50)->str() == "fifty");
  CHECK(dict.find(1)->str() == "one");
  CHECK(dict.find("1") == nullptr);
  CHECK(dict.erase(50));
  CHECK_FALSE(dict.erase(50));
  CHECK(dict.find(50) == nullptr);
  CHECK(dict.find(99)->str() == "9801");
  CHECK(template_dict::hashable(value::make_tuple({1, "a"})));
  CHECK_FALSE(template_dict::hashable(value::make_tuple({value::make_list()})));
}

TEST_CASE("a template value that contains itself prints") {
  auto list = value::make_list({1});
  list.items().push_back(list);
  CHECK(list.repr() == "[1, [...]]");
  list.items().clear();
}
