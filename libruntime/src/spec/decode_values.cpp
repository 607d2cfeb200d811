#include "spec/decode_values.hpp"

#include "muster/base/utf8.hpp"
#include "spec/python_number.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace muster::spec {

namespace {

constexpr std::string_view core_tag = "tag:yaml.org,2002:";

std::string shorten(std::string_view text) {
  constexpr std::size_t most = 60;
  if (text.size() <= most)
    return std::string{text};
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
    --end;
  return std::string{text.substr(0, end)} + "...";
}

/// What two keys are compared by: Python takes 1, 1.0 and True for one key.
std::string key_identity(const yaml::scalar& key) {
  switch (key.type) {
    case yaml::scalar_type::integer: return "n" + key.text;
    case yaml::scalar_type::boolean: return key.boolean ? "n1" : "n0";
    case yaml::scalar_type::real: {
      auto text = python_repr(key.real);
      const auto size = text.size();
      if (size > 2 && text.compare(size - 2, 2, ".0") == 0)
        text.resize(size - 2);
      return "n" + text;
    }
    case yaml::scalar_type::null: return "0";
    case yaml::scalar_type::bytes: return "b" + key.text;
    case yaml::scalar_type::date:
    case yaml::scalar_type::date_time: return "d" + key.text;
    default: return "t" + key.text;
  }
}

/// Of equal keys the last value wins, at the place of the first. Returns the values that lost.
std::vector<value_at> drop_repeated_keys(std::vector<map_entry>& entries) {
  std::vector<value_at> lost;
  if (entries.size() < 2)
    return lost;
  std::unordered_map<std::string, std::size_t> first;
  std::size_t kept = 0;
  for (auto& x : entries) {
    const auto [found, is_new] = first.emplace(key_identity(x.key), kept);
    if (!is_new) {
      lost.push_back(entries[found->second].value);
      entries[found->second].value = x.value;
      entries[found->second].key_place = x.key_place;
      continue;
    }
    if (&entries[kept] != &x)
      entries[kept] = std::move(x);
    ++kept;
  }
  entries.resize(kept);
  return lost;
}

/// The digits of an integer in quotes, as pydantic reads it: `" 1_000.0 "` is 1000, and zeros before a sign do not
/// matter.
std::optional<std::string> quoted_integer(std::string_view text) {
  const auto trimmed = to_ascii_digits(text);
  if (!trimmed || trimmed->empty() || text.find_first_of("\x1c\x1d\x1e\x1f") != std::string_view::npos)
    return std::nullopt;
  std::string_view body = *trimmed;
  if (body.front() == '+') {
    body.remove_prefix(1);
    if (body.empty() || body.front() == '-')
      return std::nullopt;
  }
  if (body.front() == '0') {
    const auto end = body.find_first_not_of("0_");
    if (end == std::string_view::npos)
      return body.back() == '_' ? std::nullopt : std::optional<std::string>{"0"};
    body.remove_prefix(body[end] == '.' ? end - 1 : end);
  }
  const bool negative = !body.empty() && body.front() == '-';
  if (negative)
    body.remove_prefix(1);
  if (const auto point = body.find('.'); point != std::string_view::npos) {
    const auto zeros = body.substr(point + 1);
    if (zeros.empty() || zeros.find_first_not_of('0') != std::string_view::npos)
      return std::nullopt;
    body = body.substr(0, point);
  }
  // What is left is checked as Python's int checks it, but for a sign and digits of other scripts.
  if (body.find_first_not_of("0123456789_") != std::string_view::npos || fold_digits(text) != text)
    return std::nullopt;
  const auto digits = python_int(body);
  return digits && negative && *digits != "0" ? std::optional{"-" + *digits} : digits;
}

std::string in_words(whole_range x, bool found_negative) {
  constexpr whole_range all;
  if (x.least != all.least || x.most != all.most)
    return "a whole number between " + std::to_string(x.least) + " and " + std::to_string(x.most);
  return found_negative ? "a whole number of at least " + std::to_string(x.least)
                        : "a whole number of at most " + std::to_string(x.most);
}

std::optional<bool> boolean_word(std::string_view text) {
  constexpr std::array<std::string_view, 7> yes = {"1", "on", "t", "true", "y", "yes", ""};
  constexpr std::array<std::string_view, 7> no = {"0", "off", "f", "false", "n", "no", ""};
  std::string lower{text};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower.empty())
    return std::nullopt;
  if (std::find(yes.begin(), yes.end(), lower) != yes.end())
    return true;
  if (std::find(no.begin(), no.end(), lower) != no.end())
    return false;
  return std::nullopt;
}

} // namespace

yaml::scalar value_reader::scalar(value_at x) const {
  return yaml::resolve(document_.text(x.id), at(x).plain, document_.tag(x.id));
}

bool value_reader::truthy(value_at x) const {
  if (!is_scalar(x))
    return at(x).size > 0;
  const auto value = scalar(x);
  switch (value.type) {
    case yaml::scalar_type::null: return false;
    case yaml::scalar_type::boolean: return value.boolean;
    case yaml::scalar_type::integer: return value.text != "0";
    case yaml::scalar_type::real: return value.real != 0;
    case yaml::scalar_type::text:
    case yaml::scalar_type::bytes: return !value.text.empty();
    default: return true;
  }
}

std::string value_reader::describe(value_at x) const {
  if (is_list(x))
    return "a list";
  if (is_map(x))
    return "a mapping";
  const auto value = scalar(x);
  const auto shown = shorten(document_.text(x.id));
  switch (value.type) {
    case yaml::scalar_type::null: return "nothing";
    case yaml::scalar_type::boolean: return "the boolean " + shown;
    case yaml::scalar_type::integer: return "the integer " + shown;
    case yaml::scalar_type::real: return "the number " + shown;
    case yaml::scalar_type::date:
    case yaml::scalar_type::date_time: return "the date " + shown;
    case yaml::scalar_type::text: return "the string '" + shown + "'";
    default: return std::string{yaml::describe(value.type)};
  }
}

bool value_reader::refuse(value_at x, const field_path& path, std::string_view expected, std::string hint) const {
  if (is_scalar(x)) {
    const auto value = scalar(x);
    if (value.type == yaml::scalar_type::invalid || value.type == yaml::scalar_type::unknown) {
      report_.error(x.place, path, value.text);
      return false;
    }
  }
  report_.error(x.place, path, "expected " + std::string{expected} + ", found " + describe(x), std::move(hint));
  return false;
}

bool value_reader::text(value_at x, const field_path& path, std::string& out, numbers coerce) const {
  if (!is_scalar(x))
    return refuse(x, path, "a string");
  auto value = scalar(x);
  const bool number = value.type == yaml::scalar_type::integer || value.type == yaml::scalar_type::real;
  if (value.type == yaml::scalar_type::text) {
    out = std::move(value.text);
    return true;
  }
  if (value.type == yaml::scalar_type::bytes && is_utf8(value.text)) {
    out = std::move(value.text);
    return true;
  }
  if (number && coerce == numbers::as_text) {
    out = yaml::python_text(value);
    return true;
  }
  std::string hint;
  if (value.type != yaml::scalar_type::null && value.type != yaml::scalar_type::invalid && document_.tag(x.id).empty())
    hint = "put it in quotes: \"" + shorten(document_.text(x.id)) + "\"";
  return refuse(x, path, "a string", std::move(hint));
}

bool value_reader::boolean(value_at x, const field_path& path, bool& out) const {
  constexpr std::string_view expected = "true or false";
  if (!is_scalar(x))
    return refuse(x, path, expected);
  const auto value = scalar(x);
  if (value.type == yaml::scalar_type::boolean) {
    out = value.boolean;
    return true;
  }
  if (value.type == yaml::scalar_type::real && (value.real == 0 || value.real == 1)) {
    out = value.real == 1;
    return true;
  }
  const bool number = value.type == yaml::scalar_type::integer && (value.text == "0" || value.text == "1");
  const bool word = value.type == yaml::scalar_type::text || value.type == yaml::scalar_type::bytes;
  if (number || word)
    if (const auto meant = boolean_word(value.text)) {
      out = *meant;
      return true;
    }
  return refuse(x, path, expected);
}

bool value_reader::integer(value_at x, const field_path& path, std::int64_t& out, whole_range range) const {
  constexpr std::string_view expected = "a whole number";
  if (!is_scalar(x))
    return refuse(x, path, expected);
  const auto value = scalar(x);
  std::optional<std::string> digits;
  switch (value.type) {
    case yaml::scalar_type::boolean: digits = value.boolean ? "1" : "0"; break;
    case yaml::scalar_type::integer: digits = value.text; break;
    case yaml::scalar_type::real: {
      if (!std::isfinite(value.real) || value.real != std::floor(value.real))
        return refuse(x, path, expected);
      constexpr double bound = 9223372036854775808.0;
      if (std::abs(value.real) >= bound)
        return refuse(x, path, in_words(range, value.real < 0));
      digits = std::to_string(static_cast<std::int64_t>(value.real));
      break;
    }
    case yaml::scalar_type::text:
    case yaml::scalar_type::bytes: digits = quoted_integer(value.text); break;
    default: break;
  }
  if (!digits)
    return refuse(x, path, expected);
  const auto nearest = saturate(*digits);
  const bool fits = std::to_string(nearest) == *digits || rules_ == profile::osmo;
  if (!fits || nearest < range.least || nearest > range.most)
    return refuse(x, path, in_words(range, nearest < 0));
  out = nearest;
  return true;
}

bool value_reader::list(value_at x, const field_path& path, std::vector<value_at>& out) const {
  if (!is_list(x)) {
    std::string hint;
    if (is_scalar(x) && scalar(x).type != yaml::scalar_type::null)
      hint = "put it in brackets: [" + shorten(document_.text(x.id)) + "]";
    return refuse(x, path, "a list", std::move(hint));
  }
  const auto& tag = document_.tag(x.id);
  if (!tag.empty() && tag != std::string{core_tag} + "seq") {
    report_.error(x.place, path, "tag `" + tag + "` is not for a list of a spec");
    return false;
  }
  out.reserve(at(x).size);
  for (auto i = at(x).first_link; i != yaml::no_node; i = document_.link_at(i).next)
    out.push_back({document_.link_at(i).target, document_.link_at(i).start});
  return true;
}

bool value_reader::merge(value_at x, const field_path& path, std::vector<map_entry>& out) const {
  if (is_map(x))
    return collect(x, path, out);
  if (!is_list(x)) {
    report_.error(x.place, path, "a merge key `<<` takes a mapping or a list of mappings, found " + describe(x));
    return false;
  }
  std::vector<value_at> parts;
  for (auto i = at(x).first_link; i != yaml::no_node; i = document_.link_at(i).next)
    parts.push_back({document_.link_at(i).target, document_.link_at(i).start});
  // The first of the list has the last word.
  std::reverse(parts.begin(), parts.end());
  return std::all_of(parts.begin(), parts.end(), [&](value_at part) {
    if (is_map(part))
      return collect(part, path, out);
    report_.error(part.place, path, "a merge key `<<` takes a mapping or a list of mappings, found " + describe(part));
    return false;
  });
}

bool value_reader::collect(value_at x, const field_path& path, std::vector<map_entry>& out) const {
  std::vector<map_entry> own;
  own.reserve(at(x).size / 2);
  for (auto i = at(x).first_link; i != yaml::no_node;) {
    const auto& key_link = document_.link_at(i);
    const auto& value_link = document_.link_at(key_link.next);
    i = value_link.next;
    const value_at key{key_link.target, key_link.start};
    const value_at value{value_link.target, value_link.start};
    if (!is_scalar(key)) {
      report_.error(key.place, path, "a key must be a string, found " + describe(key));
      return false;
    }
    auto name = scalar(key);
    if (name.type == yaml::scalar_type::merge) {
      if (!merge(value, path, out))
        return false;
      continue;
    }
    if (name.type == yaml::scalar_type::unknown && document_.text(key.id) == "=") {
      name.type = yaml::scalar_type::text;
      name.text = "=";
    }
    if (name.type == yaml::scalar_type::unknown || name.type == yaml::scalar_type::invalid) {
      report_.error(key.place, path, name.text);
      return false;
    }
    own.push_back({std::move(name), key.place, value});
  }
  std::move(own.begin(), own.end(), std::back_inserter(out));
  return true;
}

bool value_reader::map(value_at x, const field_path& path, std::vector<map_entry>& out) const {
  if (!is_map(x))
    return refuse(x, path, "a mapping");
  const auto& tag = document_.tag(x.id);
  if (!tag.empty() && tag != std::string{core_tag} + "map") {
    report_.error(x.place, path, "tag `" + tag + "` is not for a mapping of a spec");
    return false;
  }
  if (!collect(x, path, out))
    return false;
  // What is overruled must still be YAML that means something.
  for (const auto& lost : drop_repeated_keys(out))
    check_all(lost, path);
  return true;
}

bool value_reader::text_list(value_at x, const field_path& path, std::vector<std::string>& out, numbers coerce) const {
  std::vector<value_at> items;
  if (!list(x, path, items))
    return false;
  bool good = true;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    out.emplace_back();
    good = text(items[i], path.item(i), out.back(), coerce) && good;
  }
  return good;
}

void value_reader::check_all(value_at x, const field_path& path) const {
  if (is_scalar(x)) {
    const auto value = scalar(x);
    if (value.type == yaml::scalar_type::invalid || value.type == yaml::scalar_type::unknown)
      report_.error(x.place, path, value.text);
    else if (value.type == yaml::scalar_type::merge)
      report_.error(x.place, path, "`<<` is a merge key, put it in quotes to have it as a string");
    return;
  }
  for (auto i = at(x).first_link; i != yaml::no_node; i = document_.link_at(i).next)
    check_all({document_.link_at(i).target, document_.link_at(i).start}, path);
}

} // namespace muster::spec
