#include "spec/template/methods.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace muster::spec::tmpl {
namespace {

// -- lists

value append(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "append", args, {"object"}, 1);
  rt.take(sizeof(value));
  self.items().push_back(p[0]);
  return {};
}

value extend(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "extend", args, {"iterable"}, 1);
  const list_type more = iterate(rt, p[0]);
  rt.take(more.size() * sizeof(value));
  self.items().insert(self.items().end(), more.begin(), more.end());
  return {};
}

value insert(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "insert", args, {"index", "object"}, 2);
  auto& items = self.items();
  const auto size = static_cast<std::int64_t>(items.size());
  const std::int64_t i = p.integer(0, 0);
  rt.take(sizeof(value));
  rt.step(items.size() / 16);
  const std::int64_t at = i < 0 ? (i < -size ? 0 : i + size) : std::min(i, size);
  items.insert(items.begin() + at, p[1]);
  return {};
}

value pop(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "pop", args, {"index"});
  auto& items = self.items();
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t i = p.integer(0, -1);
  if (items.empty())
    throw failure{"pop from empty list"};
  if (i < -size || i >= size)
    throw failure{"pop index out of range"};
  i = i < 0 ? i + size : i;
  rt.step(items.size() / 16);
  value out = items[static_cast<std::size_t>(i)];
  items.erase(items.begin() + i);
  return out;
}

// The place of the first item from `start` that equals `x`; the size if there is none.
std::size_t locate(runtime& rt, const list_type& items, const value& x, std::size_t start = 0) {
  for (std::size_t i = start; i < items.size(); ++i) {
    if ((x.identity() != nullptr && x.identity() == items[i].identity()) || equal(rt, items[i], x))
      return i;
  }
  return items.size();
}

value remove(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "remove", args, {"value"}, 1);
  auto& items = self.items();
  const std::size_t at = locate(rt, items, p[0]);
  if (at == items.size())
    throw failure{"list.remove(x): x not in list"};
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

value index(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "index", args, {"value", "start", "stop"}, 1);
  const auto& items = self.items();
  const auto size = static_cast<std::int64_t>(items.size());
  const auto bound = [&](std::size_t i, std::int64_t otherwise) {
    const std::int64_t x = p.integer(i, otherwise);
    return std::clamp<std::int64_t>(x < 0 ? x + size : x, 0, size);
  };
  const std::size_t found = locate(rt, items, p[0], static_cast<std::size_t>(bound(1, 0)));
  if (static_cast<std::int64_t>(found) >= bound(2, size))
    throw failure{to_repr(rt, p[0]) + " is not in " + type_name(self)};
  return static_cast<std::int64_t>(found);
}

value count(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "count", args, {"value"}, 1);
  std::int64_t n = 0;
  for (const auto& x : self.items())
    n += equal(rt, x, p[0]) ? 1 : 0;
  return n;
}

value clear(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "clear", args, {});
  if (self.is(type::dict))
    self.dict().clear();
  else
    self.items().clear();
  return {};
}

value copy(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "copy", args, {});
  if (self.is(type::dict))
    return rt.dict(self.dict());
  return rt.list(self.items());
}

value reverse(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "reverse", args, {});
  rt.step(self.items().size());
  std::reverse(self.items().begin(), self.items().end());
  return {};
}

value sort(runtime& rt, const value& self, arguments& args) {
  if (!args.positional.empty())
    throw failure{"sort() takes no positional arguments"};
  const parameters p(rt, "sort", args, {"key", "reverse"});
  list_type keys;
  // The key may be a macro that changes the list.
  const list_type items = self.items();
  if (p.set(0)) {
    for (const auto& x : items) {
      arguments one{{x}, {}};
      keys.push_back(call(rt, p[0], one));
    }
  }
  list_type ordered_items = sorted(rt, items, keys, p.flag(1, false));
  self.items() = std::move(ordered_items);
  return {};
}

// -- dicts

list_type pairs(runtime& rt, const template_dict& dict) {
  list_type out;
  for (const auto& [key, x] : dict.entries())
    out.push_back(rt.tuple({key, x}));
  return out;
}

value items(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "items", args, {});
  return make_view(rt, "dict_items", pairs(rt, self.dict()));
}

value keys(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "keys", args, {});
  return make_view(rt, "dict_keys", iterate(rt, self));
}

value values(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "values", args, {});
  list_type out;
  for (const auto& [key, x] : self.dict().entries())
    out.push_back(x);
  return make_view(rt, "dict_values", std::move(out));
}

void require_key(const value& key) {
  require_defined(key);
  if (!template_dict::hashable(key))
    throw failure{"unhashable type: '" + type_name(key) + "'"};
}

value get(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "get", args, {"key", "default"}, 1);
  require_key(p[0]);
  const value* found = self.dict().find(p[0]);
  return found != nullptr ? *found : p[1];
}

value pop_key(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "pop", args, {"key", "default"}, 1);
  require_key(p[0]);
  const value* found = self.dict().find(p[0]);
  if (found == nullptr && !p.has(1))
    throw failure{to_repr(rt, p[0])};
  value out = found != nullptr ? *found : p[1];
  rt.step(self.dict().size());
  self.dict().erase(p[0]);
  return out;
}

value popitem(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "popitem", args, {});
  if (self.dict().size() == 0)
    throw failure{"'popitem(): dictionary is empty'"};
  const auto last = self.dict().entries().back();
  rt.step(self.dict().size());
  self.dict().erase(last.first);
  return rt.tuple({last.first, last.second});
}

value setdefault(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "setdefault", args, {"key", "default"}, 1);
  require_key(p[0]);
  const value* found = self.dict().find(p[0]);
  if (found != nullptr)
    return *found;
  set_entry(rt, self.dict(), p[0], p[1]);
  return p[1];
}

value update(runtime& rt, const value& self, arguments& args) {
  value constructor;
  if (!find_global(rt, "dict", constructor))
    return {};
  const value more = call(rt, constructor, args);
  for (const auto& [key, x] : more.dict().entries())
    set_entry(rt, self.dict(), key, x);
  return {};
}

value fromkeys(runtime& rt, const value& /*self*/, arguments& args) {
  const parameters p(rt, "fromkeys", args, {"iterable", "value"}, 1);
  template_dict out;
  for (const auto& key : iterate(rt, p[0]))
    set_entry(rt, out, key, p[1]);
  return rt.dict(std::move(out));
}

// -- numbers

value bit_length(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "bit_length", args, {});
  auto magnitude = static_cast<std::uint64_t>(self.as_integer());
  magnitude = self.as_integer() < 0 ? 0 - magnitude : magnitude;
  std::int64_t bits = 0;
  for (; magnitude > 0; magnitude >>= 1U)
    ++bits;
  return bits;
}

value bit_count(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "bit_count", args, {});
  auto magnitude = static_cast<std::uint64_t>(self.as_integer());
  magnitude = self.as_integer() < 0 ? 0 - magnitude : magnitude;
  return static_cast<std::int64_t>(__builtin_popcountll(magnitude));
}

value conjugate(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "conjugate", args, {});
  return self.is(type::real) ? self : value(self.as_integer());
}

value is_integer(runtime& rt, const value& self, arguments& args) {
  const parameters p(rt, "is_integer", args, {});
  return std::isfinite(self.as_real()) && self.as_real() == std::floor(self.as_real());
}

using table = std::map<std::string_view, method>;

method look_up(const table& methods, std::string_view name) {
  const auto found = methods.find(name);
  return found == methods.end() ? nullptr : found->second;
}

} // namespace

method find_list_method(std::string_view name) {
  static const table methods = {{"append", append}, {"clear", clear},     {"copy", copy},     {"count", count},
                                {"extend", extend}, {"index", index},     {"insert", insert}, {"pop", pop},
                                {"remove", remove}, {"reverse", reverse}, {"sort", sort}};
  return look_up(methods, name);
}

method find_tuple_method(std::string_view name) {
  return name == "count" ? count : name == "index" ? index : static_cast<method>(nullptr);
}

method find_dict_method(std::string_view name) {
  static const table methods = {{"clear", clear},   {"copy", copy},       {"fromkeys", fromkeys},
                                {"get", get},       {"items", items},     {"keys", keys},
                                {"pop", pop_key},   {"popitem", popitem}, {"setdefault", setdefault},
                                {"update", update}, {"values", values}};
  return look_up(methods, name);
}

method find_number_method(const value& self, std::string_view name) {
  if (name == "conjugate")
    return conjugate;
  if (self.is(type::real))
    return name == "is_integer" ? is_integer : static_cast<method>(nullptr);
  return name == "bit_length" ? bit_length : name == "bit_count" ? bit_count : static_cast<method>(nullptr);
}

list_type sorted(runtime& rt, list_type items, const list_type& keys, bool reverse) {
  const list_type& by = keys.empty() ? items : keys;
  std::vector<std::size_t> places(items.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  rt.take(items.size() * (sizeof(value) + sizeof(std::size_t)));
  // A merge sort asks only `<`, as Python does, and stays within bounds whatever the answers are.
  const auto before = [&](std::size_t a, std::size_t b) {
    return reverse ? ordered(rt, order::less, by[b], by[a]) : ordered(rt, order::less, by[a], by[b]);
  };
  std::vector<std::size_t> merged(places.size());
  for (std::size_t width = 1; width < places.size(); width *= 2) {
    for (std::size_t low = 0; low < places.size(); low += 2 * width) {
      const std::size_t middle = std::min(low + width, places.size());
      const std::size_t high = std::min(low + 2 * width, places.size());
      std::size_t left = low;
      std::size_t right = middle;
      for (std::size_t out = low; out < high; ++out) {
        const bool take_right = left == middle || (right < high && before(places[right], places[left]));
        merged[out] = take_right ? places[right++] : places[left++];
      }
    }
    places.swap(merged);
  }
  list_type out;
  out.reserve(items.size());
  for (const std::size_t place : places)
    out.push_back(items[place]);
  return out;
}

} // namespace muster::spec::tmpl
