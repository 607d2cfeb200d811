#pragma once

#include "spec/template/operations.hpp"

#include <string_view>

namespace muster::spec::tmpl {

/// A method of a Python type: what `self.name(args)` does.
using method = value (*)(runtime& rt, const value& self, arguments& args);

/// The method `name` of `self`, or null if its type has none that templates may call.
/// Fails in a lone expression if the method would change `self`.
[[nodiscard]] method find_method(runtime& rt, const value& self, std::string_view name);
[[nodiscard]] method find_string_method(std::string_view name);
[[nodiscard]] method find_list_method(std::string_view name);
[[nodiscard]] method find_tuple_method(std::string_view name);
[[nodiscard]] method find_dict_method(std::string_view name);
[[nodiscard]] method find_number_method(const value& self, std::string_view name);

/// Python's `format.format(*args, **kwargs)`.
[[nodiscard]] value brace_format(runtime& rt, const value& format, const arguments& args);
/// Python's `format(x, spec)` for strings and numbers.
[[nodiscard]] std::string format_value(runtime& rt, const value& x, std::string_view spec);

/// Python's `sep.join(items)`: every item must be a text.
[[nodiscard]] value join_strings(runtime& rt, const value& separator, const list_type& items);
/// Python's `text.replace(old, replacement, count)`; a negative count means all.
[[nodiscard]] std::string replace_text(runtime& rt, std::string_view s, std::string_view old,
                                       std::string_view replacement, std::int64_t count);
/// Python's `text.center(width)` and its kin.
enum class alignment { left, right, center };
[[nodiscard]] std::string pad(runtime& rt, std::string_view s, std::int64_t width, std::string_view fill,
                              alignment where);
/// Sorts as Python's `sorted(items, key=..., reverse=...)` does: stable, and failing where `<` fails. `keys` may be
/// empty.
[[nodiscard]] list_type sorted(runtime& rt, list_type items, const list_type& keys, bool reverse);

} // namespace muster::spec::tmpl
