#include "spec/flow_decode.hpp"

#include "muster/base/nearest.hpp"
#include "muster/spec/expression.hpp"
#include "muster/spec/names.hpp"
#include "spec/local_files.hpp"
#include "spec/python_number.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

namespace muster::spec {

namespace {

constexpr std::size_t largest_file = 16U << 20U;

struct type_name {
  std::string_view word;
  std::string_view article;
  parameter_type type;
};

constexpr std::array<type_name, 7> types = {{{"any", "anything", parameter_type::any},
                                             {"string", "a string", parameter_type::string},
                                             {"integer", "an integer", parameter_type::integer},
                                             {"number", "a number", parameter_type::number},
                                             {"boolean", "a boolean", parameter_type::boolean},
                                             {"list", "a list", parameter_type::list},
                                             {"map", "a map", parameter_type::map}}};

std::string_view article_of(parameter_type x) {
  return types.at(static_cast<std::size_t>(x)).article;
}

bool fits(const template_value& x, parameter_type type) {
  using kind = template_value::type;
  switch (type) {
    case parameter_type::any: return true;
    case parameter_type::string: return x.is(kind::string);
    case parameter_type::integer: return x.is(kind::integer);
    case parameter_type::number: return x.is(kind::integer) || x.is(kind::real);
    case parameter_type::boolean: return x.is(kind::boolean);
    case parameter_type::list: return x.is(kind::list);
    case parameter_type::map: return x.is(kind::dict);
  }
  return false;
}

/// For messages, and short.
std::string shown(const template_value& x) {
  auto text = value_to_json(x);
  return text ? text->substr(0, 60) : std::string{"something else"};
}

bool is_parameter_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Reads a lone value of YAML, which JSON is nearly a part of. `why` says what is wrong.
std::optional<template_value> parse_value(std::string_view text, std::string& why) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && (text[start] == '{' || text[start] == '['))
    if (auto json = value_from_json(text, largest_file))
      return std::move(*json);
  yaml::tree document;
  yaml::problem problem;
  if (!yaml::parse(text, document, problem)) {
    why = "line " + std::to_string(problem.place.line + 1) + ": " + problem.message;
    return std::nullopt;
  }
  if (document.empty())
    return template_value{};
  reporter report;
  const value_reader in{document, report};
  const load_options options;
  auto value = decode_value({in, options}, {document.root(), document.at(document.root()).start}, field_path{});
  if (const auto errors = report.take_errors(); !errors.empty()) {
    why = "line " + std::to_string(errors[0].line) + ": " + errors[0].field + (errors[0].field.empty() ? "" : ": ") +
          errors[0].message;
    return std::nullopt;
  }
  return value;
}

/// Values from outside of the spec: each of its name, the strongest last.
class given_values {
public:
  given_values(const load_options& options, reporter& report) : options_(options), report_(report) { read_file(); }

  /// Puts the value that was given for `x`, of its type, if there is one. False when what was given does not fit.
  bool apply(parameter& x, bool& given) {
    bool good = true;
    if (const auto* value = file_.find(x.name)) {
      given = true;
      good = take(x, *value, source());
    }
    for (const auto* const list : {&options_.set, &options_.set_string})
      for (const auto& text : *list) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || std::string_view{text}.substr(0, equals) != x.name)
          continue;
        given = true;
        const bool as_text = list == &options_.set_string;
        good = take_text(x, text.substr(equals + 1), as_text, as_text ? "--set-string" : "--set") && good;
      }
    return good;
  }

  /// Reports what the file has and nobody asked for.
  void check_names(const std::vector<parameter>& all) {
    std::vector<std::string_view> known;
    known.reserve(all.size());
    for (const auto& x : all)
      known.push_back(x.name);
    std::unordered_set<std::string_view> names{known.begin(), known.end()};
    for (const auto& entry : file_.entries()) {
      const auto& name = entry.first.as_string();
      if (names.count(name) > 0)
        continue;
      report_.error(source() + ": there is no parameter '" + name.substr(0, 80) + "'",
                    known.size() > 1000 ? "" : did_you_mean(name, known));
    }
  }

private:
  [[nodiscard]] std::string source() const {
    return options_.parameters_file.empty() ? "the parameters file" : options_.parameters_file;
  }

  void read_file() {
    if (options_.parameters_file.empty() && !options_.parameters_text)
      return;
    std::string text;
    if (options_.parameters_text) {
      text = *options_.parameters_text;
    } else if (!options_.read_local_files) {
      report_.error("a parameters file cannot be read here");
      return;
    } else if (auto bytes = read_regular_file(options_.parameters_file, largest_file)) {
      text = std::move(*bytes);
    } else {
      report_.error(bytes.failure().message);
      return;
    }
    std::string why;
    const auto value = parse_value(text, why);
    if (!value)
      report_.error(source() + ": " + why);
    else if (value->is(template_value::type::dict))
      file_ = value->dict();
    else if (!value->is_none())
      report_.error(source() + ": expected a mapping of parameters to values, found " + shown(*value));
  }

  bool take(parameter& x, const template_value& value, const std::string& from) {
    if (!fits(value, x.type)) {
      report_.error(from + ": parameter '" + x.name + "' takes " + std::string{article_of(x.type)} + ", found " +
                    shown(value));
      return false;
    }
    x.value = value;
    return true;
  }

  /// A text of the command line, as the type has it.
  bool take_text(parameter& x, const std::string& text, bool as_text, const std::string& from) {
    const auto refuse = [&](const std::string& why = {}) {
      report_.error(from + ": parameter '" + x.name + "' takes " + std::string{article_of(x.type)} + ", found '" +
                    text.substr(0, 60) + "'" + (why.empty() ? "" : ", " + why));
      return false;
    };
    switch (x.type) {
      case parameter_type::string: x.value = text; return true;
      case parameter_type::any: x.value = as_text ? template_value{text} : guess(text); return true;
      case parameter_type::boolean:
        if (text != "true" && text != "false")
          return refuse("expected true or false");
        x.value = text == "true";
        return true;
      case parameter_type::integer:
      case parameter_type::number: {
        const auto value = guess(text);
        if (!fits(value, x.type))
          return refuse();
        x.value = value;
        return true;
      }
      default: {
        std::string why;
        const auto value = parse_value(text, why);
        if (!value || !fits(*value, x.type))
          return refuse(why);
        x.value = *value;
        return true;
      }
    }
  }

  /// A number if it looks like one, as `--set` has it for templates.
  static template_value guess(const std::string& text) {
    if (const auto integer = python_int(text)) {
      const auto number = saturate(*integer);
      if (std::to_string(number) == *integer)
        return number;
    } else if (const auto real = python_float(text); real && std::isfinite(*real)) {
      return *real;
    }
    return text;
  }

  const load_options& options_;
  reporter& report_;
  template_dict file_;
};

bool is_declaration(const std::vector<map_entry>& entries) {
  bool any = false;
  for (const auto& entry : entries) {
    const auto& key = entry.key.text;
    if (entry.key.type != yaml::scalar_type::text || (key != "type" && key != "default" && key != "description"))
      return false;
    any = any || key != "description";
  }
  return any;
}

void decode_type(const flow_reader& from, value_at x, const field_path& path, parameter_type& out) {
  std::string word;
  if (!from.in.text(x, path, word, numbers::refuse))
    return;
  std::vector<std::string_view> known;
  for (const auto& type : types) {
    known.push_back(type.word);
    if (type.word == word) {
      out = type.type;
      return;
    }
  }
  from.report().error(x.place, path,
                      "expected string, integer, number, boolean, list, map or any, found '" + word.substr(0, 80) + "'",
                      did_you_mean(word, known));
}

/// Reads one entry; returns whether it has a value.
bool decode_parameter(const flow_reader& from, value_at x, const field_path& path, parameter& out) {
  reporter ignored;
  std::vector<map_entry> entries;
  const value_reader quiet{from.in.document(), ignored};
  if (!quiet.is_map(x) || !quiet.map(x, path, entries) || !is_declaration(entries)) {
    out.value = decode_value(from, x, path);
    return true;
  }
  std::optional<value_at> value;
  for (const auto& entry : entries) {
    const auto where = path.field(entry.key.text);
    if (entry.key.text == "type")
      decode_type(from, entry.value, where, out.type);
    else if (entry.key.text == "default")
      value = entry.value;
    else
      (void)from.in.text(entry.value, where, out.description, numbers::as_text);
  }
  if (!value)
    return false;
  const auto where = path.field("default");
  out.value = decode_value(from, *value, where);
  // A token becomes a value of whatever type when the workflow begins.
  const bool token = out.value.is_string() && out.value.as_string().find("{{") != std::string::npos;
  if (!fits(out.value, out.type) && !token)
    from.in.refuse(*value, where, article_of(out.type));
  return true;
}

} // namespace

void decode_parameters(const flow_reader& from, value_at x, const field_path& path, bool whole,
                       std::vector<parameter>& out, std::vector<mention>& mentions) {
  std::vector<map_entry> entries;
  if (!from.in.map(x, path, entries))
    return;
  std::optional<given_values> given;
  if (whole)
    given.emplace(from.options, from.report());
  for (const auto& entry : entries) {
    parameter next;
    next.name = text_of_key(entry.key);
    const auto where = path.field(next.name);
    if (!is_parameter_name(next.name)) {
      from.report().error(entry.key_place, where,
                          "expected a name of letters, digits and '_', at most 64, found '" + next.name.substr(0, 80) +
                              "'");
      continue;
    }
    bool has_value = decode_parameter(from, entry.value, where, next);
    note_tokens(from, entry.value, where, sight::round, mentions);
    if (given)
      (void)given->apply(next, has_value);
    if (!has_value)
      from.report().error(entry.key_place, where, "parameter '" + next.name + "' has no value and no default",
                          whole ? "give it: --set " + next.name + "=... or --parameters FILE"
                                : "give it here: `" + next.name + ": value`");
    out.push_back(std::move(next));
  }
  if (given)
    given->check_names(out);
}

} // namespace muster::spec
