#include "spec/template/methods.hpp"
#include "spec/template/objects.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

value fallback(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "default", args, {"default_value", "boolean"});
  if (in.is_undefined() || (p.flag(1, false) && !truth(in)))
    return p.has(0) ? p[0] : rt.str("");
  return in;
}

value count(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "length", args, {});
  return length(in);
}

value first(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "first", args, {});
  auto* items = in.is(type::object) ? dynamic_cast<items_object*>(&in.object()) : nullptr;
  value out;
  if (items != nullptr && items->generator())
    return items->next(rt, out) ? out : value::make_undefined("No first item, sequence was empty.");
  const list_type all = iterate(rt, in);
  return all.empty() ? value::make_undefined("No first item, sequence was empty.") : all.front();
}

void require_reversible(const value& in) {
  require_defined(in);
  const auto* items = in.is(type::object) ? dynamic_cast<items_object*>(&in.object()) : nullptr;
  if (!iterable(in) || (items != nullptr && items->generator()))
    throw failure{"'" + type_name(in) + "' object is not reversible"};
}

value last(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "last", args, {});
  require_reversible(in);
  const list_type all = iterate(rt, in);
  return all.empty() ? value::make_undefined("No last item, sequence was empty.") : all.back();
}

value reverse(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "reverse", args, {});
  require_defined(in);
  if (in.is_string())
    return get_slice(rt, in, value(), value(), -1);
  if (!iterable(in))
    throw failure{"argument must be iterable"};
  const auto* items = in.is(type::object) ? dynamic_cast<items_object*>(&in.object()) : nullptr;
  list_type all = iterate(rt, in);
  std::reverse(all.begin(), all.end());
  if (items != nullptr && items->generator())
    return rt.list(std::move(all));
  const std::string name = in.is(type::list)          ? "list_reverseiterator"
                           : in.is(type::dict)        ? "dict_reversekeyiterator"
                           : in.is(type::tuple)       ? "reversed"
                           : type_name(in) == "range" ? "range_iterator"
                                                      : "dict_reverseitemiterator";
  return make_reversed(rt, name, std::move(all));
}

value to_list(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "list", args, {});
  return rt.list(iterate(rt, in));
}

value sort(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "sort", args, {"reverse", "case_sensitive", "attribute"});
  const bool ignore_case = !p.flag(1, false);
  // Several attributes may be named, with commas between them.
  std::vector<item_key> parts;
  if (p.set(2) && p[2].is_string()) {
    const std::string& names = p[2].as_string();
    for (std::size_t start = 0; start <= names.size();) {
      const std::size_t end = std::min(names.find(',', start), names.size());
      parts.emplace_back(rt, rt.str(names.substr(start, end - start)), ignore_case);
      start = end + 1;
    }
  } else {
    parts.emplace_back(rt, p[2], ignore_case);
  }
  list_type items = iterate(rt, in);
  list_type keys;
  for (const auto& item : items) {
    list_type key;
    for (const auto& part : parts)
      key.push_back(part(rt, item));
    keys.push_back(parts.size() == 1 ? key[0] : rt.list(std::move(key)));
  }
  return rt.list(sorted(rt, std::move(items), keys, p.flag(0, false)));
}

list_type produce_unique(runtime& rt, const value& in, const arguments& args) {
  const parameters p(rt, "unique", args, {"case_sensitive", "attribute"});
  const item_key key(rt, p[1], !p.flag(0, false));
  template_dict seen;
  list_type out;
  for (const auto& item : iterate(rt, in)) {
    const value k = key(rt, item);
    require_defined(k);
    if (template_dict::hashable(k) && seen.find(k) != nullptr)
      continue;
    set_entry(rt, seen, k, value());
    out.push_back(item);
  }
  return out;
}

value unique(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "unique", args, {"case_sensitive", "attribute"});
  return make_generator(rt, "sync_do_unique", [in, args](runtime& r) { return produce_unique(r, in, args); });
}

template <bool Greatest>
value extreme(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, Greatest ? "max" : "min", args, {"case_sensitive", "attribute"});
  const item_key key(rt, p[1], !p.flag(0, false));
  const list_type items = iterate(rt, in);
  if (items.empty())
    return value::make_undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  value best_key = key(rt, items[0]);
  for (std::size_t i = 1; i < items.size(); ++i) {
    const value k = key(rt, items[i]);
    if (ordered(rt, Greatest ? order::greater : order::less, k, best_key)) {
      best = i;
      best_key = k;
    }
  }
  return items[best];
}

value sum(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "sum", args, {"attribute", "start"});
  const item_key key(rt, p[0], false);
  value out = p.has(1) ? p[1] : value(0);
  if (out.is_string())
    throw failure{"sum() can't sum strings [use ''.join(seq) instead]"};
  for (const auto& item : iterate(rt, in))
    out = arithmetic(rt, binary::add, out, key(rt, item));
  return out;
}

list_type produce_items(runtime& rt, const value& in, const arguments& args) {
  const parameters p(rt, "items", args, {});
  list_type out;
  if (!in.is_undefined()) {
    if (!in.is(type::dict))
      throw failure{"Can only get item pairs from a mapping."};
    for (const auto& [key, x] : in.dict().entries())
      out.push_back(rt.tuple({key, x}));
  }
  return out;
}

value items(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "items", args, {});
  return make_generator(rt, "do_items", [in, args](runtime& r) { return produce_items(r, in, args); });
}

value dictsort(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "dictsort", args, {"case_sensitive", "by", "reverse"});
  const std::string by = p.text(1, "key");
  if (by != "key" && by != "value")
    throw failure{"You can only sort by either \"key\" or \"value\""};
  require_defined(in);
  if (!in.is(type::dict))
    throw failure{text::quote(object_name(in)) + " has no attribute 'items'"};
  list_type pairs;
  list_type keys;
  const item_key key(rt, value(), !p.flag(0, false));
  for (const auto& [k, x] : in.dict().entries()) {
    pairs.push_back(rt.tuple({k, x}));
    keys.push_back(key(rt, by == "key" ? k : x));
  }
  return rt.list(sorted(rt, std::move(pairs), keys, p.flag(2, false)));
}

list_type produce_batch(runtime& rt, const value& in, const arguments& args) {
  const parameters p(rt, "batch", args, {"linecount", "fill_with"}, 1);
  const list_type all = iterate(rt, in);
  require_defined(p[0]);
  list_type out;
  list_type line;
  for (const auto& item : all) {
    rt.step();
    if (equal(rt, static_cast<std::int64_t>(line.size()), p[0])) {
      out.push_back(rt.list(std::move(line)));
      line.clear();
    }
    line.push_back(item);
  }
  if (!line.empty()) {
    if (p.set(1)) {
      const std::size_t width = bounded(rt, p.integer(0, 0), sizeof(value));
      rt.take(width * sizeof(value));
      line.resize(std::max(width, line.size()), p[1]);
    }
    out.push_back(rt.list(std::move(line)));
  }
  return out;
}

value batch(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "batch", args, {"linecount", "fill_with"}, 1);
  return make_generator(rt, "do_batch", [in, args](runtime& r) { return produce_batch(r, in, args); });
}

list_type produce_slices(runtime& rt, const value& in, const arguments& args) {
  const parameters p(rt, "slice", args, {"slices", "fill_with"}, 1);
  const list_type all = iterate(rt, in);
  const std::int64_t n = p.integer(0, 0);
  if (n == 0)
    throw failure{"integer division or modulo by zero"};
  const std::size_t number = bounded(rt, n, 4 * sizeof(value));
  list_type out;
  std::size_t offset = 0;
  for (std::size_t i = 0; i < number; ++i) {
    const bool extra = i < all.size() % number;
    const std::size_t size = all.size() / number + (extra ? 1 : 0);
    list_type part(all.begin() + static_cast<std::ptrdiff_t>(offset),
                   all.begin() + static_cast<std::ptrdiff_t>(offset + size));
    offset += size;
    if (p.set(1) && !extra)
      part.push_back(p[1]);
    out.push_back(rt.list(std::move(part)));
  }
  return out;
}

value slices(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "slices", args, {"slices", "fill_with"}, 1);
  return make_generator(rt, "sync_do_slice", [in, args](runtime& r) { return produce_slices(r, in, args); });
}

value groupby(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  const bool ignore_case = !p.flag(2, false);
  const item_key key(rt, p[0], ignore_case, p[1]);
  const item_key shown(rt, p[0], false, p[1]);
  list_type all = iterate(rt, in);
  list_type keys;
  for (const auto& item : all)
    keys.push_back(key(rt, item));
  const list_type ordered_items = sorted(rt, all, keys, false);
  list_type out;
  list_type members;
  value current;
  const auto finish = [&] {
    if (!members.empty()) {
      const value grouper = ignore_case ? shown(rt, members[0]) : current;
      out.push_back(rt.tuple({grouper, rt.list(std::move(members))}, true));
    }
    members.clear();
  };
  for (const auto& item : ordered_items) {
    const value k = key(rt, item);
    require_defined(k);
    if (!members.empty() && !equal(rt, k, current))
      finish();
    current = k;
    members.push_back(item);
  }
  finish();
  return rt.list(std::move(out));
}

} // namespace

const filter_table& sequence_filters() {
  static const filter_table filters = {
      {"batch", batch},  {"count", count},       {"d", fallback},         {"default", fallback}, {"dictsort", dictsort},
      {"first", first},  {"groupby", groupby},   {"items", items},        {"last", last},        {"length", count},
      {"list", to_list}, {"max", extreme<true>}, {"min", extreme<false>}, {"reverse", reverse},  {"slice", slices},
      {"sort", sort},    {"sum", sum},           {"unique", unique},
  };
  return filters;
}

} // namespace muster::spec::tmpl
