#include "spec/template/objects.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

// An empty container is not looked at further; a generator is never known to be empty.
list_type items_of(runtime& rt, const value& in) {
  return truth(in) ? iterate(rt, in) : list_type{};
}

std::string name_of(const value& x) {
  require_defined(x);
  if (!x.is_string())
    throw failure{"the name of a filter or test must be a text, not " + type_name(x)};
  return x.as_string();
}

list_type map_attribute(runtime& rt, const value& in, const arguments& args) {
  value attribute;
  value otherwise;
  for (const auto& [name, x] : args.keyword) {
    if (name == "attribute")
      attribute = x;
    else if (name == "default")
      otherwise = x;
    else
      throw failure{"Unexpected keyword argument " + text::quote(name)};
  }
  const item_key key(rt, attribute, false, otherwise);
  list_type out;
  for (const auto& item : items_of(rt, in))
    out.push_back(key(rt, item));
  return out;
}

list_type produce_map(runtime& rt, const value& in, const arguments& args) {
  const bool by_attribute =
      args.positional.empty() && !args.keyword.empty() &&
      std::any_of(args.keyword.begin(), args.keyword.end(), [](const auto& x) { return x.first == "attribute"; });
  if (by_attribute)
    return map_attribute(rt, in, args);
  const list_type items = items_of(rt, in);
  if (args.positional.empty() && !items.empty())
    throw failure{"map requires a filter argument"};
  list_type out;
  for (const auto& item : items) {
    const runtime::level nested(rt);
    arguments inner{{args.positional.begin() + 1, args.positional.end()}, args.keyword};
    out.push_back(apply_filter(rt, name_of(args.positional[0]), item, inner));
  }
  return out;
}

value map(runtime& rt, const value& in, arguments& args) {
  return make_generator(rt, "sync_do_map", [in, args](runtime& r) { return produce_map(r, in, args); });
}

template <bool Keep, bool ByAttribute>
list_type produce_selected(runtime& rt, const value& in, const arguments& args) {
  const list_type items = items_of(rt, in);
  constexpr std::size_t offset = ByAttribute ? 1 : 0;
  if (!items.empty() && args.positional.size() < offset)
    throw failure{"Missing parameter for attribute name"};
  const item_key key(rt, ByAttribute && !args.positional.empty() ? args.positional[0] : value(), false);
  list_type out;
  for (const auto& item : items) {
    const runtime::level nested(rt);
    const value x = key(rt, item);
    bool passes = false;
    if (args.positional.size() > offset) {
      arguments inner{{args.positional.begin() + offset + 1, args.positional.end()}, args.keyword};
      passes = apply_test(rt, name_of(args.positional[offset]), x, inner);
    } else {
      passes = truth(x);
    }
    if (passes == Keep)
      out.push_back(item);
  }
  return out;
}

template <bool Keep, bool ByAttribute>
value select(runtime& rt, const value& in, arguments& args) {
  return make_generator(rt, "select_or_reject",
                        [in, args](runtime& r) { return produce_selected<Keep, ByAttribute>(r, in, args); });
}

value attr(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "attr", args, {"name"}, 1);
  require_defined(in);
  const std::string name = p.text(0);
  value found = get_attribute(rt, in, name);
  // The items of a dict are not its attributes.
  if (in.is(type::dict) && in.dict().find(value(name)) != nullptr && !found.is(type::object))
    return value::make_undefined("'dict object' has no attribute " + text::quote(name));
  return found;
}

} // namespace

const filter_table& selection_filters() {
  static const filter_table filters = {
      {"attr", attr},
      {"map", map},
      {"reject", select<false, false>},
      {"rejectattr", select<false, true>},
      {"select", select<true, false>},
      {"selectattr", select<true, true>},
  };
  return filters;
}

} // namespace muster::spec::tmpl
