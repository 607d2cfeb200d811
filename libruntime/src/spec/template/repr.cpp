#include "spec/template/numbers.hpp"
#include "spec/template/operations.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

std::string repr_items(const list_type& items, char open, char close, walk& w) {
  std::string out(1, open);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0)
      out += ", ";
    out += to_repr(items[i], w);
  }
  if (open == '(' && items.size() == 1)
    out += ',';
  return out + close;
}

std::string repr_dict(const template_dict& dict, walk& w) {
  std::string out = "{";
  for (const auto& [key, item] : dict.entries()) {
    if (out.size() > 1)
      out += ", ";
    out += to_repr(key, w) + ": " + to_repr(item, w);
  }
  return out + "}";
}

std::string repr_container(const value& x, walk& w) {
  const bool inside = std::find(w.path.begin(), w.path.end(), x.identity()) != w.path.end();
  if (inside || w.path.size() >= walk::deepest) {
    if (!inside && w.rt != nullptr)
      throw failure{"a value nests too deeply to be printed", ec::limit_exceeded};
    return x.is(type::list) ? "[...]" : x.is(type::tuple) ? "(...)" : "{...}";
  }
  w.path.push_back(x.identity());
  std::string out = x.is(type::dict)   ? repr_dict(x.dict(), w)
                    : x.is(type::list) ? repr_items(x.items(), '[', ']', w)
                                       : repr_items(x.items(), '(', ')', w);
  w.path.pop_back();
  // The text is copied once per level.
  w.visit(out.size());
  return out;
}

} // namespace

void walk::visit(std::size_t bytes) {
  if (rt == nullptr)
    return;
  rt->step();
  if (bytes > 0)
    rt->take(bytes);
}

std::string type_name(const value& x) {
  switch (x.kind()) {
    case type::undefined: return "StrictUndefined";
    case type::none: return "NoneType";
    case type::boolean: return "bool";
    case type::integer: return "int";
    case type::real: return "float";
    case type::string: return x.string().markup ? "Markup" : "str";
    case type::list: return "list";
    case type::tuple: return "tuple";
    case type::dict: return "dict";
    case type::object: return x.object().type_name();
  }
  return "object";
}

std::string object_name(const value& x) {
  if (x.is_none())
    return "None";
  if (x.is_string() && x.string().markup)
    return "markupsafe.Markup object";
  return type_name(x) + " object";
}

void require_defined(const value& x) {
  if (x.is_undefined())
    throw failure{x.undefined_message()};
}

std::string to_str(const value& x, walk& w) {
  if (x.is_string())
    return x.as_string();
  if (x.is_lenient())
    return {};
  require_defined(x);
  return to_repr(x, w);
}

std::string to_repr(const value& x, walk& w) {
  w.visit();
  switch (x.kind()) {
    case type::undefined: return "Undefined";
    case type::none: return "None";
    case type::boolean: return x.as_bool() ? "True" : "False";
    case type::integer: return std::to_string(x.as_integer());
    case type::real: return numbers::repr(x.as_real());
    case type::string: {
      w.visit(x.as_string().size());
      return x.string().markup ? "Markup(" + text::quote(x.as_string()) + ")" : text::quote(x.as_string());
    }
    case type::list:
    case type::tuple:
    case type::dict: return repr_container(x, w);
    case type::object: return x.object().repr(w);
  }
  return {};
}

std::string to_str(runtime& rt, const value& x) {
  walk w{&rt, {}};
  return to_str(x, w);
}

std::string to_repr(runtime& rt, const value& x) {
  walk w{&rt, {}};
  return to_repr(x, w);
}

value soft_str(runtime& rt, const value& x) {
  return x.is_string() ? x : rt.str(to_str(rt, x));
}

bool truth(const value& x) {
  switch (x.kind()) {
    case type::undefined:
      if (!x.is_lenient())
        require_defined(x);
      return false;
    case type::none: return false;
    case type::boolean: return x.as_bool();
    case type::integer: return x.as_integer() != 0;
    case type::real: return x.as_real() != 0;
    case type::string: return !x.as_string().empty();
    case type::list:
    case type::tuple: return !x.items().empty();
    case type::dict: return x.dict().size() > 0;
    case type::object: return x.object().truthy();
  }
  return false;
}

} // namespace muster::spec::tmpl
