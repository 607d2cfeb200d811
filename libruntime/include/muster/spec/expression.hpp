#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/template_value.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Expressions of `when`, `until`, `switch` and the like: those of the template language, without statements. They see
/// `parameters`, `results`, `item`, `index`, `carry` and `result`, as far as their place has them.
namespace muster::spec {

/// Checks the syntax. Fails with `ec::invalid_spec`, saying what and at which column.
[[nodiscard]] result<void> check_expression(std::string_view text);

/// The paths that `text` reads below the variable `name`, as far as they are constant: for `name` = `results`,
/// `results.a.b > results['c-d'].x` gives `a.b`, `c-d.x`. An empty path stands for a use of the variable as a whole, or
/// with a key that is computed. `text` must have passed `check_expression`.
[[nodiscard]] std::vector<std::string> paths_below(std::string_view text, std::string_view name);

/// The names that `text` reads as variables, functions such as `range` among them. Likewise.
[[nodiscard]] std::vector<std::string> names_in(std::string_view text);

/// The value of `text`. `variables` is a dict with string keys; it is neither copied nor changed. Bounded like a
/// template
/// (`template_limits`). The value is plain data that shares nothing with `variables`: ranges are lists, tuples too.
///
/// `results.a.x` where there is none is undefined, as is all below it: `is defined` and `default(...)` take that, any
/// other use fails and names it, as does a value that is undefined itself. Keys hide methods: `results.items` is the
/// entry if there is one. Fails with `ec::template_error` or `ec::limit_exceeded`, the message saying the column.
[[nodiscard]] result<template_value> evaluate_expression(std::string_view text, const template_value& variables);

/// A JSON text as a value: objects are dicts in their order. Fails with `ec::invalid_argument` on what is no JSON in
/// UTF-8, is nested deeper than 200, holds integers beyond 64 bits, or is longer than `max_bytes`.
[[nodiscard]] result<template_value> value_from_json(std::string_view json, std::size_t max_bytes = 64U << 20U);

/// The JSON text of a value, in one line without spaces. What JSON cannot say fails with `ec::invalid_argument`: NaN,
/// infinities, keys that are no strings, undefined values, objects of the template language.
[[nodiscard]] result<std::string> value_to_json(const template_value& x);

/// What a token such as `{{item}}` becomes in a text: a string as it is, true and false as `true`, `false`, null as
/// `null`, numbers as JSON writes them, lists and maps as JSON.
[[nodiscard]] result<std::string> value_to_text(const template_value& x);

/// The part of `x` at a dotted `path`: keys of maps, positions in lists. Empty: all of it. Null if there is none.
[[nodiscard]] const template_value* value_at_path(const template_value& x, std::string_view path);

} // namespace muster::spec
