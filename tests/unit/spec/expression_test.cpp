#include "support/catch.hpp"

#include "muster/spec/expression.hpp"

#include <limits>
#include <string>

using namespace muster;
using namespace muster::spec;

namespace {

template_value variables() {
  auto x = value_from_json(R"({"results": {"a": {"x": 3, "items": [1, 2], "none": null}, "c-d": {"x": 2.5}, "list": [
      {"v": 1}, {"v": 2}]}, "parameters": {"n": 4, "name": "ada"}, "item": {"lr": 0.1}, "index": 7})");
  REQUIRE(x.ok());
  return *x;
}

/// The JSON of the value, or the failure's message.
std::string value_of(const std::string& text) {
  const auto value = evaluate_expression(text, variables());
  if (!value)
    return "! " + value.failure().message;
  const auto json = value_to_json(*value);
  return json ? *json : "? " + json.failure().message;
}

} // namespace

TEST_CASE("expressions are evaluated over results, parameters and items") {
  CHECK(value_of("results.a.x > 2") == "true");
  CHECK(value_of("results['c-d'].x * 2") == "5.0");
  CHECK(value_of("parameters.n + index") == "11");
  CHECK(value_of("item.lr") == "0.1");
  CHECK(value_of("'small' if results.a.x < 3 else 'large'") == "\"large\"");
  CHECK(value_of("results.list | map(attribute='v') | sum") == "3");
  CHECK(value_of("range(3)") == "[0,1,2]");
  CHECK(value_of("(1, {'a': [2]})") == "[1,{\"a\":[2]}]");
  CHECK(value_of("results.list[1].v == 2 and not results.a.none") == "true");
  CHECK(value_of("  parameters.name ~ '!' \n") == "\"ada!\"");
  CHECK(value_of("1 if false") == "null");
}

TEST_CASE("a key hides the method of its name") {
  CHECK(value_of("results.a.items") == "[1,2]");
  CHECK(value_of("results.a.items | length") == "2");
  CHECK(value_of("item.keys() | list") == "[\"lr\"]");
}

TEST_CASE("what is not there is undefined, and named where it is used") {
  CHECK(value_of("results.b.x is defined") == "false");
  CHECK(value_of("results.a.x is defined") == "true");
  CHECK(value_of("results.b.x.y | default(5)") == "5");
  CHECK(value_of("results.b.x > 3") == "! column 13: 'results.b' is undefined");
  CHECK(value_of("results.a.y > 3") == "! column 13: 'results.a.y' is undefined");
  CHECK(value_of("results['c-d'].q == 1").find("\"results['c-d'].q\" is undefined") != std::string::npos);
  CHECK(value_of("1 if results.a.y else 2").find("'results.a.y' is undefined") != std::string::npos);
  CHECK(value_of("not results.a.y").find("'results.a.y' is undefined") != std::string::npos);
  CHECK(value_of("results.a.y").find("'results.a.y' is undefined") != std::string::npos);
  CHECK(value_of("[results.a.y]").find("'results.a.y' is undefined") != std::string::npos);
  CHECK(value_of("results.list[9].v").find("'results.list[9]' is undefined") != std::string::npos);
  CHECK(value_of("nothing + 1").find("'nothing' is undefined") != std::string::npos);
}

TEST_CASE("an expression changes nothing and shares nothing") {
  const auto before = variables();
  for (const std::string text : {"results.a.items.append(3)", "results.a.update({'x': 1})", "results.list.clear()",
                                 "(results.a.items | attr('append'))(3)", "results.a.pop('x')"}) {
    INFO(text);
    const auto value = evaluate_expression(text, before);
    REQUIRE_FALSE(value.ok());
    CHECK(value.failure().code == ec::template_error);
    CHECK(value.failure().message.find("cannot change a value") != std::string::npos);
  }
  CHECK(*value_to_json(before) == *value_to_json(variables()));
  const auto out = evaluate_expression("results.a", before);
  REQUIRE(out.ok());
  out->dict().set("x", 100);
  CHECK(*value_to_json(before) == *value_to_json(variables()));
}

TEST_CASE("a bad expression says what and at which column") {
  const auto message = [](const char* text) {
    const auto good = check_expression(text);
    return good ? std::string{} : good.failure().message;
  };
  CHECK(message("results.a > 1").empty());
  CHECK(message("results.a >") == "column 12: unexpected 'end of expression'");
  CHECK(message("a b").find("column 3: expected the end of the expression") == 0);
  CHECK(message("").find("the expression is empty") != std::string::npos);
  CHECK(message("   ").find("the expression is empty") != std::string::npos);
  CHECK(message("a == $").find("column 6: unexpected char '$'") == 0);
  CHECK(message("a | nofilter").find("No filter named 'nofilter'") != std::string::npos);
  CHECK(message("(a").find("column ") == 0);
  CHECK(message("{{ results.a }}").find("without {{ and }}") != std::string::npos);
  CHECK(message("a }} b").find("unexpected '}'") != std::string::npos);
  CHECK(message("{% if a %}").find("column ") == 0);
  CHECK(check_expression("x +").failure().code == ec::invalid_spec);
  CHECK_FALSE(check_expression(std::string(5000, '(')).ok());
}

TEST_CASE("expressions are bounded") {
  for (const std::string text : {"[range(90000) | list] * 10000", "['x' * 1000000] * 100000",
                                 "range(90000) | map('string') | list | string | upper | list | join | list | join"}) {
    INFO(text);
    const auto value = evaluate_expression(text, variables());
    REQUIRE_FALSE(value.ok());
    CHECK(value.failure().code == ec::limit_exceeded);
  }
}

TEST_CASE("the constant paths below a variable") {
  using paths = std::vector<std::string>;
  CHECK(paths_below("results.a.b > results['c-d'].x", "results") == paths{"a.b", "c-d.x"});
  CHECK(paths_below("results.a[0].b + results.a[0].b", "results") == paths{"a.0.b"});
  CHECK(paths_below("results.a.items() | length", "results") == paths{"a"});
  CHECK(paths_below("[results.a, {'k': results.b}] | map(attribute=results.c)", "results") == paths{"a", "b", "c"});
  CHECK(paths_below("results[item].x", "results") == paths{""});
  CHECK(paths_below("results | length", "results") == paths{""});
  CHECK(paths_below("a.results.b", "results").empty());
  CHECK(paths_below("results.a if results.b is defined else 1", "results") == paths{"b", "a"});
  CHECK(paths_below("x.a[results.i]", "x") == paths{"a"});
  CHECK(names_in("results.a > n and range(3) | length") == paths{"results", "n", "range"});
}

TEST_CASE("values come from JSON and go there again") {
  const auto round = [](std::string_view text) {
    const auto value = value_from_json(text);
    return value ? *value_to_json(*value) : "! " + value.failure().message;
  };
  CHECK(round(R"( {"b": 1, "a": [true, false, null, -2, 0.5, 1e3, "x\n\u0001\"é"]} )") ==
        "{\"b\":1,\"a\":[true,false,null,-2,0.5,1000.0,\"x\\n\\u0001\\\"é\"]}");
  CHECK(round("9223372036854775807") == "9223372036854775807");
  CHECK(round("-9223372036854775808") == "-9223372036854775808");
  CHECK(round("1e-7") == "1e-07");
  CHECK(round("0.1") == "0.1");
  CHECK(round("{\"a\": 1, \"b\": 2, \"a\": 3}") == "{\"a\":3,\"b\":2}");
  for (const std::string bad : {"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "1e999", "",
                                "{", "[1,]", "NaN", "'a'", "1 2", "\"\xff\"", "{1: 2}"}) {
    INFO(bad);
    const auto value = value_from_json(bad);
    REQUIRE_FALSE(value.ok());
    CHECK(value.failure().code == ec::invalid_argument);
    CHECK(value.failure().message.find("[json") == std::string::npos);
  }
  CHECK(value_from_json(std::string(200, '[') + std::string(200, ']')).ok());
  CHECK_FALSE(value_from_json(std::string(201, '[') + std::string(201, ']')).ok());
  CHECK_FALSE(value_from_json("[1,2,3]", 6).ok());
}

TEST_CASE("what JSON cannot say is refused") {
  const auto fails = [](const template_value& x) {
    const auto text = value_to_json(x);
    return !text.ok() && text.failure().code == ec::invalid_argument;
  };
  CHECK(fails(std::numeric_limits<double>::infinity()));
  CHECK(fails(std::numeric_limits<double>::quiet_NaN()));
  CHECK(fails(template_value::make_undefined("'x' is undefined")));
  CHECK(fails(template_value{std::string{"\xff"}}));
  template_dict numbers;
  numbers.set(1, 2);
  CHECK(fails(template_value::make_dict(numbers)));
  template_value deep;
  for (int i = 0; i < 300; ++i)
    deep = template_value::make_list({deep});
  CHECK(fails(deep));
}

TEST_CASE("values as the text of a token") {
  CHECK(*value_to_text("a b") == "a b");
  CHECK(*value_to_text(true) == "true");
  CHECK(*value_to_text(template_value{}) == "null");
  CHECK(*value_to_text(0.1) == "0.1");
  CHECK(*value_to_text(template_value::make_list({1, "x"})) == "[1,\"x\"]");
}

TEST_CASE("parts of a value by their path") {
  const auto x = variables();
  const auto at = [&](const char* path) {
    const auto* const found = value_at_path(x, path);
    return found != nullptr ? *value_to_json(*found) : std::string{"-"};
  };
  CHECK(at("results.a.x") == "3");
  CHECK(at("results.list.1.v") == "2");
  CHECK(at("results.list.2") == "-");
  CHECK(at("results.list.-1") == "-");
  CHECK(at("results.list.x") == "-");
  CHECK(at("results.a.x.y") == "-");
  CHECK(at("index") == "7");
  CHECK(value_at_path(x, "") == &x);
}
