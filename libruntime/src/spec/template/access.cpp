#include "spec/template/methods.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <array>

namespace muster::spec::tmpl {
namespace {

bool is_integral(const value& x) {
  return x.is(type::integer) || x.is(type::boolean);
}

bool dunder(std::string_view name) {
  return name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__";
}

value unsafe(const value& x, const std::string& name) {
  return value::make_undefined("access to attribute " + text::quote(name) + " of " + text::quote(type_name(x)) +
                               " object is unsafe.");
}

value missing_attribute(const value& x, const std::string& name) {
  return value::make_undefined(text::quote(object_name(x)) + " has no attribute " + text::quote(name));
}

value missing_element(runtime& rt, const value& x, const value& key) {
  if (key.is_string())
    return missing_attribute(x, key.as_string());
  return value::make_undefined(object_name(x) + " has no element " + to_repr(rt, key));
}

bool number_attribute(const value& x, std::string_view name, value& out) {
  if (x.is(type::real) && (name == "real" || name == "imag")) {
    out = name == "real" ? x : value(0.0);
    return true;
  }
  if (!is_integral(x))
    return false;
  if (name == "real" || name == "numerator")
    out = x.as_integer();
  else if (name == "imag")
    out = 0;
  else if (name == "denominator")
    out = 1;
  else
    return false;
  return true;
}

value bound_method(runtime& rt, const value& self, const std::string& name, method call) {
  const std::string description = "<built-in method " + name + " of " + type_name(self) + " object at 0x0>";
  return rt.object(std::make_shared<function_object>(
      name, description, [self, call](runtime& r, arguments& args) { return call(r, self, args); }));
}

// A real attribute of the Python object, as `getattr` finds it.
bool find_attribute(runtime& rt, const value& x, const std::string& name, value& out) {
  if (dunder(name)) {
    out = unsafe(x, name);
    return true;
  }
  if (x.is_group() && (name == "grouper" || name == "list")) {
    out = x.items()[name == "list" ? 1 : 0];
    return true;
  }
  if (const method call = find_method(rt, x, name)) {
    out = bound_method(rt, x, name, call);
    return true;
  }
  if (x.is(type::object))
    return x.object().attribute(rt, name, out);
  return number_attribute(x, name, out);
}

// The item `x[key]`; false if Python would raise TypeError or LookupError.
bool find_item(const value& x, const value& key, value& out) {
  if (x.is(type::dict)) {
    if (!template_dict::hashable(key))
      return false;
    const value* found = x.dict().find(key);
    if (found != nullptr)
      out = *found;
    return found != nullptr;
  }
  const bool subscriptable = x.is_string() || x.is_sequence() || (x.is(type::object) && x.object().subscriptable());
  if (!subscriptable || !is_integral(key))
    return false;
  const std::int64_t size = length(x);
  std::int64_t i = key.as_integer();
  if (i < 0)
    i += size;
  if (i < 0 || i >= size)
    return false;
  const auto index = static_cast<std::size_t>(i);
  if (x.is_sequence()) {
    out = x.items()[index];
  } else if (x.is(type::object)) {
    out = x.object().item(index);
  } else {
    const auto& s = x.string();
    const bool ascii = s.length == s.text.size();
    const std::size_t offset = ascii ? index : text::offset_of(s.text, index);
    out = value::make_string(s.text.substr(offset, ascii ? 1 : text::decode(s.text, offset).size), s.markup);
  }
  return true;
}

struct slice_range {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t step = 1;
  std::size_t count = 0;
};

std::int64_t clamp_index(const value& bound, std::int64_t otherwise, std::int64_t size, bool backwards) {
  if (bound.is_none())
    return otherwise;
  if (!is_integral(bound)) {
    require_defined(bound);
    throw failure{"slice indices must be integers or None or have an __index__ method"};
  }
  std::int64_t i = bound.as_integer();
  if (i < 0)
    i += size;
  const std::int64_t low = backwards ? -1 : 0;
  const std::int64_t high = backwards ? size - 1 : size;
  return std::clamp(i, low, std::max(low, high));
}

slice_range resolve_slice(std::int64_t size, const value& start, const value& stop, const value& step) {
  slice_range out;
  if (!step.is_none())
    out.step = clamp_index(step, 1, 0, false) == 0 && is_integral(step) ? step.as_integer() : 1;
  if (out.step == 0)
    throw failure{"slice step cannot be zero"};
  const bool backwards = out.step < 0;
  out.start = clamp_index(start, backwards ? size - 1 : 0, size, backwards);
  out.stop = clamp_index(stop, backwards ? -1 : size, size, backwards);
  if (backwards ? out.start > out.stop : out.start < out.stop) {
    const auto distance = static_cast<std::uint64_t>(backwards ? out.start - out.stop : out.stop - out.start);
    const auto stride = backwards ? 0 - static_cast<std::uint64_t>(out.step) : static_cast<std::uint64_t>(out.step);
    out.count = static_cast<std::size_t>((distance - 1) / stride + 1);
  }
  return out;
}

value slice_string(runtime& rt, const value& x, const slice_range& range) {
  const auto& s = x.string();
  rt.step(s.text.size() / 64 + 1);
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(range.start + static_cast<std::int64_t>(i) * range.step);
  };
  if (range.count == 0)
    return rt.str("", s.markup);
  if (range.step == 1) {
    const std::size_t begin = text::offset_of(s.text, at(0));
    const std::string_view rest = std::string_view(s.text).substr(begin);
    return rt.str(std::string(rest.substr(0, text::offset_of(rest, range.count))), s.markup);
  }
  rt.take(s.length * sizeof(std::string_view));
  const auto characters = text::split_characters(s.text);
  std::string out;
  for (std::size_t i = 0; i < range.count; ++i)
    out += characters[at(i)];
  return rt.str(std::move(out), s.markup);
}

} // namespace

value get_attribute(runtime& rt, const value& x, const std::string& name) {
  require_defined(x);
  value out;
  if (find_attribute(rt, x, name, out))
    return out;
  if (find_item(x, value(name), out))
    return out;
  return missing_attribute(x, name);
}

value get_item(runtime& rt, const value& x, const value& key) {
  require_defined(x);
  if (key.is_undefined() && x.is(type::dict))
    require_defined(key);
  value out;
  if (find_item(x, key, out))
    return out;
  if (key.is_string() && find_attribute(rt, x, key.as_string(), out))
    return out;
  return missing_element(rt, x, key);
}

value get_slice(runtime& rt, const value& x, const value& start, const value& stop, const value& step) {
  require_defined(x);
  const bool range = x.is(type::object) && x.object().subscriptable();
  if (!x.is_string() && !x.is_sequence() && !range)
    return value::make_undefined(object_name(x) + " has no element slice(" + to_repr(rt, start) + ", " +
                                 to_repr(rt, stop) + ", " + to_repr(rt, step) + ")");
  const slice_range part = resolve_slice(length(x), start, stop, step);
  if (x.is_string())
    return slice_string(rt, x, part);
  if (range)
    return rt.object(static_cast<range_object&>(x.object()).part(part.start, part.stop, part.step, part.count));
  rt.step(part.count);
  list_type out;
  out.reserve(part.count);
  for (std::size_t i = 0; i < part.count; ++i)
    out.push_back(x.items()[static_cast<std::size_t>(part.start + static_cast<std::int64_t>(i) * part.step)]);
  return x.is(type::list) ? rt.list(std::move(out)) : rt.tuple(std::move(out));
}

bool iterable(const value& x) {
  return x.is_lenient() || x.is_string() || x.is_sequence() || x.is(type::dict) ||
         (x.is(type::object) && x.object().iterable());
}

list_type iterate(runtime& rt, const value& x) {
  if (x.is_lenient())
    return {};
  require_defined(x);
  if (!iterable(x))
    throw failure{"'" + type_name(x) + "' object is not iterable"};
  if (x.is(type::object))
    return x.object().iterate(rt);
  rt.take(static_cast<std::size_t>(length(x)) * sizeof(value));
  if (x.is_sequence())
    return x.items();
  list_type out;
  if (x.is(type::dict)) {
    for (const auto& [key, item] : x.dict().entries())
      out.push_back(key);
    return out;
  }
  rt.take(x.string().length * sizeof(value::string_data));
  for (const auto c : text::split_characters(x.as_string()))
    out.push_back(value::make_string(std::string(c), false));
  return out;
}

std::int64_t length(const value& x) {
  if (x.is_lenient())
    return 0;
  require_defined(x);
  if (x.is_string())
    return static_cast<std::int64_t>(x.string().length);
  if (x.is_sequence())
    return static_cast<std::int64_t>(x.items().size());
  if (x.is(type::dict))
    return static_cast<std::int64_t>(x.dict().size());
  if (x.is(type::object) && x.object().sized())
    return static_cast<std::int64_t>(x.object().size());
  throw failure{"object of type '" + type_name(x) + "' has no len()"};
}

value call(runtime& rt, const value& callee, arguments& args) {
  require_defined(callee);
  rt.step();
  if (!callee.is(type::object))
    throw failure{"'" + type_name(callee) + "' object is not callable"};
  return callee.object().call(rt, args);
}

void set_entry(runtime& rt, template_dict& dict, const value& key, const value& item) {
  require_defined(key);
  if (!template_dict::hashable(key))
    throw failure{"unhashable type: '" + type_name(key) + "'"};
  rt.take(4 * sizeof(value));
  dict.set(key, item);
}

method find_method(runtime& rt, const value& self, std::string_view name) {
  constexpr std::array<std::string_view, 11> changing = {
      "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "popitem", "setdefault", "update"};
  const bool container = self.is(type::list) || self.is(type::dict);
  if (rt.lone && container && std::find(changing.begin(), changing.end(), name) != changing.end())
    throw failure{"an expression cannot change a value, " + text::quote(name) + " would"};
  switch (self.kind()) {
    case type::string: return find_string_method(name);
    case type::list: return find_list_method(name);
    case type::tuple: return find_tuple_method(name);
    case type::dict: return find_dict_method(name);
    case type::boolean:
    case type::integer:
    case type::real: return find_number_method(self, name);
    default: return nullptr;
  }
}

} // namespace muster::spec::tmpl
