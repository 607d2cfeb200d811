#pragma once

#include "support/catch.hpp"

#include "muster/spec/template.hpp"

#include <cstddef>
#include <string>

namespace muster::spec {

/// A template and what it renders to.
struct template_case {
  const char* text;
  const char* expected;
};

/// A template that does not render, and where and why.
struct template_error_case {
  const char* text;
  std::size_t line;
  std::size_t column;
  const char* message;
};

/// The variables that the tables of cases use.
inline template_value sample_variables() {
  using value = template_value;
  const auto pair = [](const char* n, int v) {
    template_dict out;
    out.set("n", n);
    out.set("v", v);
    return value::make_dict(out);
  };
  template_dict d;
  d.set("a", 1);
  d.set("b", "x");
  d.set("k", value::make_list({1, 2}));
  template_dict out;
  out.set("s", "Hello World");
  out.set("n", 3);
  out.set("z", 0);
  out.set("f", 2.5);
  out.set("t", true);
  out.set("no", value());
  out.set("l", value::make_list({3, 1, 2}));
  out.set("w", value::make_list({"b", "A", "c"}));
  out.set("d", value::make_dict(d));
  out.set("u", value::make_list({pair("x", 2), pair("y", 1), pair("X", 3)}));
  out.set("e", value::make_list());
  out.set("ed", value::make_dict());
  out.set("uni", "h\u00e9llo w\u00f6rld");
  out.set("ml", "one\ntwo\n\nthree");
  out.set("html", "<a href='x'>T&C</a>");
  return value::make_dict(out);
}

inline void check_rendering(const char* text, const std::string& expected) {
  INFO("template: " << text);
  const auto outcome = render_template(text, sample_variables());
  INFO("problem: " << outcome.problem.message);
  CHECK(outcome.ok);
  CHECK(outcome.text == expected);
}

inline void check_problem(const char* text, std::size_t line, std::size_t column, const std::string& message) {
  INFO("template: " << text);
  const auto outcome = render_template(text, sample_variables());
  CHECK_FALSE(outcome.ok);
  CHECK(outcome.problem.message == message);
  CHECK(outcome.problem.line == line);
  CHECK(outcome.problem.column == column);
}

} // namespace muster::spec
