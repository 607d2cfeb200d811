#pragma once

#include "spec/template/runtime.hpp"

#include <cstdint>
#include <string>

/// What Python does with values. `rt` pays for the work; what takes none may be called without one.
namespace muster::spec::tmpl {

/// Steps through a structure that may contain itself. Without `rt`, nothing is paid for.
struct walk {
  runtime* rt = nullptr;
  std::vector<const void*> path; ///< The containers that the walk is inside of.
  static constexpr std::size_t deepest = 200;

  /// Pays for one item of `bytes`.
  void visit(std::size_t bytes = 0);
};

/// The name of the Python type, such as `str`.
[[nodiscard]] std::string type_name(const value& x);
/// The same as Jinja says it of an object: `str object`, but `None`.
[[nodiscard]] std::string object_name(const value& x);

/// Fails with the message of `x` if it is undefined.
void require_defined(const value& x);

[[nodiscard]] std::string to_str(const value& x, walk& w);
[[nodiscard]] std::string to_repr(const value& x, walk& w);
/// Python's `str()`; fails on an undefined value.
[[nodiscard]] std::string to_str(runtime& rt, const value& x);
[[nodiscard]] std::string to_repr(runtime& rt, const value& x);
/// The text itself if it is one, else its `str()`; a text keeps its mark.
[[nodiscard]] value soft_str(runtime& rt, const value& x);

/// Python's `bool()`; fails on an undefined value.
[[nodiscard]] bool truth(const value& x);

/// Python's `==`; fails on an undefined value.
[[nodiscard]] bool equal(runtime& rt, const value& a, const value& b);
[[nodiscard]] bool equal(const value& a, const value& b, walk& w);
/// Python's `<`, and its kin by `op`; fails when the kinds have no order.
enum class order { less, less_equal, greater, greater_equal };
[[nodiscard]] bool ordered(runtime& rt, order op, const value& a, const value& b);
/// Python's `a in b`.
[[nodiscard]] bool contains(runtime& rt, const value& container, const value& item);

/// Python's `list(x)`.
[[nodiscard]] list_type iterate(runtime& rt, const value& x);
/// True if `iter(x)` works.
[[nodiscard]] bool iterable(const value& x);
/// Python's `len(x)`.
[[nodiscard]] std::int64_t length(const value& x);

// Arithmetic.
enum class binary { add, sub, mul, div, floor_div, mod, pow };
[[nodiscard]] value arithmetic(runtime& rt, binary op, const value& a, const value& b);
[[nodiscard]] value negative(const value& x);
[[nodiscard]] value positive(const value& x);

/// Python's `format % args`.
[[nodiscard]] value percent_format(runtime& rt, const value& format, const value& args);

/// The attribute `x.name` as the sandbox gives it: methods first, then items; undefined if there is none.
[[nodiscard]] value get_attribute(runtime& rt, const value& x, const std::string& name);
/// The item `x[key]`, then the attribute of that name; undefined if there is none.
[[nodiscard]] value get_item(runtime& rt, const value& x, const value& key);
/// Python's `x[start:stop:step]`; none stands for what is left out.
[[nodiscard]] value get_slice(runtime& rt, const value& x, const value& start, const value& stop, const value& step);
/// `call(callee, args)`.
[[nodiscard]] value call(runtime& rt, const value& callee, arguments& args);

/// Sets an entry of a dict; fails if the key cannot be one.
void set_entry(runtime& rt, template_dict& dict, const value& key, const value& item);

/// `n` as a count of characters or items, at least 0; fails if the budget can never hold that many.
[[nodiscard]] std::size_t bounded(runtime& rt, std::int64_t n, std::size_t item_bytes = 1);

/// `x` as an integer where Python asks for an index.
[[nodiscard]] std::int64_t to_index(const value& x);

} // namespace muster::spec::tmpl
