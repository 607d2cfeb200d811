#include "support/catch.hpp"

#include "template_cases.hpp"

#include <chrono>
#include <initializer_list>

using namespace muster::spec;
using muster::ec;

namespace {

std::string repeat(const std::string& piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i)
    out += piece;
  return out;
}

template_outcome render_with(const std::string& text, const template_limits& limits) {
  return render_template(text, template_value::make_dict(), limits);
}

} // namespace

TEST_CASE("each limit of a template ends it with a clear error") {
  template_limits limits;
  limits.wall_time = std::chrono::minutes(1);
  limits.steps = 1000;
  CHECK(render_with("{% for i in range(10) %}{{ i }}{% endfor %}", limits).ok);
  auto outcome = render_with("{% for i in range(1000) %}{{ i }}{% endfor %}", limits);
  CHECK(outcome.problem.code == ec::limit_exceeded);
  CHECK_THAT(outcome.problem.message, ContainsSubstring("1000 steps"));

  limits = {};
  limits.output_bytes = 10;
  CHECK(render_with("0123456789", limits).ok);
  outcome = render_with("{{ 'a' * 11 }}", limits);
  CHECK(outcome.problem.code == ec::limit_exceeded);
  CHECK_THAT(outcome.problem.message, ContainsSubstring("longer than 10 bytes"));

  limits = {};
  limits.memory_bytes = 1 << 20;
  outcome = render_with("\n{% set x = 'a' * 2000000 %}", limits);
  CHECK(outcome.problem.code == ec::limit_exceeded);
  CHECK(outcome.problem.line == 2);
  CHECK_THAT(outcome.problem.message, ContainsSubstring("memory"));

  limits = {};
  limits.depth = 50;
  outcome = render_with("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", limits);
  CHECK(outcome.problem.code == ec::limit_exceeded);
  CHECK_THAT(outcome.problem.message, ContainsSubstring("50 levels"));

  limits = {};
  limits.wall_time = std::chrono::milliseconds(0);
  outcome = render_with("{% for i in range(100000) %}{% endfor %}", limits);
  CHECK(outcome.problem.code == ec::limit_exceeded);
  CHECK_THAT(outcome.problem.message, ContainsSubstring("longer than 0 ms"));
}

TEST_CASE("template bombs end with an error") {
  template_limits limits;
  limits.steps = 200'000;
  const std::string doubling =
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  for (const auto& bomb : {
           std::string("{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"),
           std::string("{{ 'a' * 1000000000 }}"),
           std::string("{{ [0] * 1000000000 }}"),
           std::string("{{ '%1000000000d' % 1 }}"),
           std::string("{{ '%*d' % (1000000000, 1) }}"),
           std::string("{{ '{:1000000000}'.format(1) }}"),
           std::string("{{ 'x'.center(10**12) }}"),
           std::string("{{ 9**9**9 }}"),
           std::string("{{ range(100001) }}"),
           std::string("{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}"),
           std::string(
               "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"),
           doubling + "{{ ns.x }}",
           doubling + "{{ ns.x == [ns.x] }}{% set a = ns.x %}" + doubling + "{{ ns.x == a }}",
           std::string(
               "{% set ns = namespace(x=(1,)) %}{% for i in range(45) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"
               "{{ {ns.x: 1} }}"),
           "{{ " + repeat("(", 5000) + "1" + repeat(")", 5000) + " }}",
           "{{ " + repeat("1+", 5000) + "1 }}",
           "{{ " + repeat("f(", 5000) + repeat(")", 5000) + " }}",
           "{{ x" + repeat("|d", 5000) + " }}",
           repeat("{% if 1 %}", 5000) + repeat("{% endif %}", 5000),
           repeat("{%", 100000),
       }) {
    INFO("template: " << bomb.substr(0, 200));
    const auto outcome = render_template(bomb, sample_variables(), limits);
    CHECK_FALSE(outcome.ok);
    CHECK_FALSE(outcome.problem.message.empty());
  }
}

TEST_CASE("a very deep value and a cycle are freed without harm") {
  const auto deep = render_template("{% set ns = namespace(x=[]) %}{% for i in range(20000) %}{% set ns.x = [ns.x] %}"
                                    "{% endfor %}done",
                                    template_value::make_dict());
  CHECK((deep.ok ? deep.text == "done" : deep.problem.code == ec::limit_exceeded));
  const auto cycle = render_template("{% set a = [] %}{% set _ = a.append(a) %}{{ a }}", template_value::make_dict());
  CHECK(cycle.text == "[[...]]");
}

TEST_CASE("a template does not change the variables that it is given") {
  const auto variables = sample_variables();
  CHECK(render_template("{% set _ = l.append(9) %}{{ l }}", variables).text == "[3, 1, 2, 9]");
  CHECK(render_template("{{ l }}", variables).text == "[3, 1, 2]");
}

TEST_CASE("what a template cannot do is refused by name") {
  const auto message = [](const char* text) { return render_template(text, sample_variables()).problem.message; };
  CHECK_THAT(message("{% include 'x' %}"), ContainsSubstring("'include' is not supported"));
  CHECK_THAT(message("{% block a %}{% endblock %}"), ContainsSubstring("'block' is not supported"));
  CHECK_THAT(message("{{ l|random }}"), ContainsSubstring("'random' is not supported"));
  CHECK_THAT(message("{{ 9223372036854775807 + 1 }}"), ContainsSubstring("64 bits"));
  CHECK_THAT(message("{{ 99999999999999999999 }}"), ContainsSubstring("64 bits"));
}

TEST_CASE("a problem's place counts lines and characters of the text as it was given") {
  const auto outcome = render_template("a\r\nb\r\u00e9\u00e9 {{ nope }}\n", template_value::make_dict());
  CHECK(outcome.problem.message == "'nope' is undefined");
  CHECK(outcome.problem.line == 3);
  CHECK(outcome.problem.column == 7);
}
