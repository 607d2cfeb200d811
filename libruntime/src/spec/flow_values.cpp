#include "spec/flow_decode.hpp"

#include "muster/base/utf8.hpp"
#include "muster/spec/expression.hpp"
#include "spec/python_number.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace muster::spec {

namespace {

template_value scalar_value(const flow_reader& from, value_at x, const field_path& path) {
  auto value = from.in.scalar(x);
  switch (value.type) {
    case yaml::scalar_type::null: return {};
    case yaml::scalar_type::boolean: return value.boolean;
    case yaml::scalar_type::integer: {
      const auto number = saturate(value.text);
      if (std::to_string(number) != value.text)
        from.in.refuse(x, path, "a whole number of 64 bits");
      return number;
    }
    case yaml::scalar_type::real:
      if (!std::isfinite(value.real))
        from.in.refuse(x, path, "a finite number");
      return value.real;
    case yaml::scalar_type::text: return std::move(value.text);
    case yaml::scalar_type::bytes:
      if (!is_utf8(value.text))
        from.in.refuse(x, path, "a text");
      return std::move(value.text);
    case yaml::scalar_type::merge:
      from.report().error(x.place, path, "`<<` is a merge key, put it in quotes to have it as a string");
      return {};
    case yaml::scalar_type::unknown:
    case yaml::scalar_type::invalid: from.report().error(x.place, path, value.text); return {};
    default: return yaml::python_text(value);
  }
}

/// What an expression of that place may name, with what it is called in messages.
bool is_known_name(std::string_view name, sight seen) {
  constexpr std::array<std::string_view, 7> known = {"parameters", "results", "item", "index",
                                                     "carry",      "range",   "dict"};
  return std::find(known.begin(), known.end(), name) != known.end() || (name == "result" && seen == sight::until);
}

void note_names(const flow_reader& from, value_at x, const field_path& path, sight seen, const std::string& text,
                std::vector<mention>& mentions) {
  const auto note = [&](mention_kind kind, std::string name) {
    mentions.push_back({kind, std::move(name), seen, x.place, path.text()});
  };
  for (const auto& name : names_in(text)) {
    if (name == "item" || name == "index") {
      note(name == "item" ? mention_kind::item : mention_kind::index, {});
    } else if (name == "results" || name == "parameters" || name == "carry") {
      const auto kind = name == "results"      ? mention_kind::result
                        : name == "parameters" ? mention_kind::parameter
                                               : mention_kind::carry;
      for (auto& found : paths_below(text, name))
        note(kind, std::move(found));
    } else if (!is_known_name(name, seen)) {
      from.report().error(x.place, path, "the expression names '" + name + "', which is not known here",
                          seen == sight::until
                              ? "known are result, carry, index, item, results.<step> and parameters.<name>"
                              : "known are results.<step>, parameters.<name>, item, index and carry; a name with '-' "
                                "is written results['a-b']");
    }
  }
}

} // namespace

std::string text_of_key(const yaml::scalar& key) {
  switch (key.type) {
    case yaml::scalar_type::boolean: return key.boolean ? "true" : "false";
    case yaml::scalar_type::null: return "null";
    case yaml::scalar_type::text: return key.text;
    default: return yaml::python_text(key);
  }
}

template_value decode_value(const flow_reader& from, value_at x, const field_path& path, std::size_t depth) {
  constexpr std::size_t deepest_value = 100;
  if (depth > deepest_value) {
    from.report().error(x.place, path, "the value is nested deeper than " + std::to_string(deepest_value) + " levels");
    return {};
  }
  if (from.in.is_list(x)) {
    std::vector<value_at> items;
    template_value::list_type values;
    if (from.in.list(x, path, items))
      for (std::size_t i = 0; i < items.size(); ++i)
        values.push_back(decode_value(from, items[i], path.item(i), depth + 1));
    return template_value::make_list(std::move(values));
  }
  if (!from.in.is_map(x))
    return scalar_value(from, x, path);
  std::vector<map_entry> entries;
  template_dict values;
  if (from.in.map(x, path, entries))
    for (const auto& entry : entries) {
      const auto key = text_of_key(entry.key);
      values.set(key, decode_value(from, entry.value, path.field(key), depth + 1));
    }
  return template_value::make_dict(std::move(values));
}

bool decode_expression(const flow_reader& from, value_at x, const field_path& path, sight seen, std::string& out,
                       std::vector<mention>& mentions) {
  if (from.in.is_scalar(x) && from.in.scalar(x).type == yaml::scalar_type::boolean)
    out = from.in.scalar(x).boolean ? "true" : "false";
  else if (!from.in.text(x, path, out, numbers::as_text))
    return false;
  if (const auto good = check_expression(out); !good) {
    from.report().error(x.place, path, "the expression cannot be read, " + good.failure().message);
    return false;
  }
  note_names(from, x, path, seen, out, mentions);
  return true;
}

void note_tokens(std::string_view text, yaml::mark place, const field_path& path, sight seen,
                 std::vector<mention>& mentions) {
  for (const auto& token : find_flow_tokens(text)) {
    const auto kind = token.word == "item"     ? mention_kind::item
                      : token.word == "index"  ? mention_kind::index
                      : token.word == "carry"  ? mention_kind::carry
                      : token.word == "result" ? mention_kind::result
                                               : mention_kind::parameter;
    mentions.push_back({kind, std::string{token.path}, seen, place, path.text()});
  }
}

void note_tokens(const flow_reader& from, value_at x, const field_path& path, sight seen,
                 std::vector<mention>& mentions) {
  if (from.in.is_scalar(x)) {
    note_tokens(from.in.document().text(x.id), x.place, path, seen, mentions);
    return;
  }
  // What is wrong with the collections was reported when they were read.
  reporter ignored;
  const value_reader quiet{from.in.document(), ignored};
  std::vector<value_at> items;
  std::vector<map_entry> entries;
  if (quiet.is_list(x) && quiet.list(x, path, items))
    for (std::size_t i = 0; i < items.size(); ++i)
      note_tokens(from, items[i], path.item(i), seen, mentions);
  if (quiet.is_map(x) && quiet.map(x, path, entries))
    for (const auto& entry : entries) {
      const auto where = path.field(entry.key.text);
      note_tokens(entry.key.text, entry.key_place, where, seen, mentions);
      note_tokens(from, entry.value, where, seen, mentions);
    }
}

bool decode_count(const flow_reader& from, value_at x, const field_path& path, std::int64_t least, std::int64_t most,
                  std::int64_t& out) {
  return from.in.integer(x, path, out, {least, most});
}

} // namespace muster::spec
