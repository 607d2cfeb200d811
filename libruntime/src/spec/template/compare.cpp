#include "spec/template/numbers.hpp"
#include "spec/template/operations.hpp"

#include <algorithm>
#include <cmath>

namespace muster::spec::tmpl {
namespace {

bool is_integral(const value& x) {
  return x.is(type::integer) || x.is(type::boolean);
}

// -1, 0, 1, or 2 if one is NaN.
int compare_numbers(const value& a, const value& b) {
  if (is_integral(a) && is_integral(b)) {
    const std::int64_t x = a.as_integer();
    const std::int64_t y = b.as_integer();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (!is_integral(a) && !is_integral(b)) {
    const double x = a.as_real();
    const double y = b.as_real();
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
  }
  const double real = is_integral(a) ? b.as_real() : a.as_real();
  if (std::isnan(real))
    return 2;
  return is_integral(a) ? numbers::compare(a.as_integer(), real) : -numbers::compare(b.as_integer(), real);
}

bool equal_containers(const value& a, const value& b, walk& w) {
  if (a.identity() == b.identity())
    return true;
  if (w.path.size() >= walk::deepest) {
    if (w.rt != nullptr)
      throw failure{"values nest too deeply to be compared", ec::limit_exceeded};
    return false;
  }
  w.path.push_back(a.identity());
  bool same = false;
  if (a.is(type::dict)) {
    same = a.dict().size() == b.dict().size() &&
           std::all_of(a.dict().entries().begin(), a.dict().entries().end(), [&](const template_dict::entry& e) {
             const value* other = b.dict().find(e.first);
             return other != nullptr && equal(e.second, *other, w);
           });
  } else {
    same = a.items().size() == b.items().size() &&
           std::equal(a.items().begin(), a.items().end(), b.items().begin(),
                      [&](const value& x, const value& y) { return equal(x, y, w); });
  }
  w.path.pop_back();
  return same;
}

std::string_view symbol(order op) {
  switch (op) {
    case order::less: return "<";
    case order::less_equal: return "<=";
    case order::greater: return ">";
    case order::greater_equal: return ">=";
  }
  return "";
}

bool decide(order op, int comparison) {
  switch (op) {
    case order::less: return comparison == -1;
    case order::less_equal: return comparison == -1 || comparison == 0;
    case order::greater: return comparison == 1;
    case order::greater_equal: return comparison == 1 || comparison == 0;
  }
  return false;
}

bool ordered_items(runtime& rt, order op, const list_type& a, const list_type& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!equal(rt, a[i], b[i]))
      return ordered(rt, op, a[i], b[i]);
  }
  return decide(op, a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0);
}

} // namespace

bool equal(const value& a, const value& b, walk& w) {
  if (a.is_lenient() || b.is_lenient())
    return a.is_lenient() && b.is_lenient();
  require_defined(a);
  require_defined(b);
  w.visit();
  if (a.is_number() && b.is_number())
    return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
    case type::none: return true;
    case type::string: return a.as_string() == b.as_string();
    case type::list:
    case type::tuple:
    case type::dict: return equal_containers(a, b, w);
    case type::object: return a.object().equals(b.object());
    default: return false;
  }
}

bool equal(runtime& rt, const value& a, const value& b) {
  walk w{&rt, {}};
  return equal(a, b, w);
}

bool ordered(runtime& rt, order op, const value& a, const value& b) {
  require_defined(a);
  require_defined(b);
  rt.step();
  if (a.is_number() && b.is_number())
    return decide(op, compare_numbers(a, b));
  // UTF-8 keeps the order of code points.
  if (a.is_string() && b.is_string()) {
    const int comparison = a.as_string().compare(b.as_string());
    return decide(op, comparison < 0 ? -1 : comparison > 0 ? 1 : 0);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    const runtime::level nested(rt);
    return ordered_items(rt, op, a.items(), b.items());
  }
  throw failure{"'" + std::string(symbol(op)) + "' not supported between instances of '" + type_name(a) + "' and '" +
                type_name(b) + "'"};
}

bool contains(runtime& rt, const value& container, const value& item) {
  if (container.is_lenient())
    return false;
  require_defined(container);
  if (container.is_string()) {
    if (!item.is_string())
      throw failure{"'in <string>' requires string as left operand, not " + type_name(item)};
    rt.step(container.as_string().size() / 64);
    return container.as_string().find(item.as_string()) != std::string::npos;
  }
  if (container.is(type::dict)) {
    require_defined(item);
    if (!template_dict::hashable(item))
      throw failure{"unhashable type: '" + type_name(item) + "'"};
    return container.dict().find(item) != nullptr;
  }
  if (!iterable(container))
    throw failure{"argument of type '" + type_name(container) + "' is not iterable"};
  const auto search = [&](const list_type& items) {
    return std::any_of(items.begin(), items.end(), [&](const value& x) {
      return (x.identity() != nullptr && x.identity() == item.identity()) || equal(rt, x, item);
    });
  };
  if (container.is_sequence())
    return search(container.items());
  return search(iterate(rt, container));
}

} // namespace muster::spec::tmpl
