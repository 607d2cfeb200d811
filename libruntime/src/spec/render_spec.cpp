#include "spec/render_spec.hpp"

#include "muster/base/nearest.hpp"
#include "muster/spec/template.hpp"
#include "spec/decode_values.hpp"
#include "spec/python_number.hpp"
#include "spec/repeated_keys.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

namespace muster::spec {

namespace {

constexpr std::array<std::string_view, 3> top_level_keys = {"workflow", "default-values", "version"};

/// A YAML value for the template language; collections that an alias names are built anew each time.
template_value to_template_value(const value_reader& in, value_at x, const field_path& path) {
  if (in.is_list(x)) {
    std::vector<value_at> items;
    template_value::list_type values;
    if (in.list(x, path, items))
      for (std::size_t i = 0; i < items.size(); ++i)
        values.push_back(to_template_value(in, items[i], path.item(i)));
    return template_value::make_list(std::move(values));
  }
  const auto from_scalar = [](const yaml::scalar& value) -> template_value {
    switch (value.type) {
      case yaml::scalar_type::null: return {};
      case yaml::scalar_type::boolean: return value.boolean;
      case yaml::scalar_type::real: return value.real;
      case yaml::scalar_type::integer: {
        const auto number = saturate(value.text);
        // Beyond 64 bits the digits still print as they should.
        return std::to_string(number) == value.text ? template_value{number} : template_value{value.text};
      }
      default: return yaml::python_text(value);
    }
  };
  if (in.is_map(x)) {
    std::vector<map_entry> entries;
    template_dict values;
    if (in.map(x, path, entries))
      for (const auto& entry : entries)
        values.set(from_scalar(entry.key), to_template_value(in, entry.value, path.field(entry.key.text)));
    return template_value::make_dict(std::move(values));
  }
  const auto value = in.scalar(x);
  if (value.type == yaml::scalar_type::unknown || value.type == yaml::scalar_type::invalid ||
      value.type == yaml::scalar_type::merge)
    in.report().error(x.place, path, value.text.empty() ? "`<<` is a merge key" : value.text);
  return from_scalar(value);
}

/// The value of `default-values`, a dict.
void add_defaults(const section& x, const load_options& options, template_dict& out, reporter& report) {
  yaml::tree document;
  yaml::problem why;
  // Newlines in front give every line its number in the file.
  const auto text = std::string(x.line, '\n') + std::string{x.text};
  if (!yaml::parse(text, document, why, true)) {
    report.error(why.place, "default-values", why.message);
    return;
  }
  if (options.profile == profile::muster)
    warn_of_repeated_keys(document, report);
  const value_reader in{document, report};
  const field_path root{};
  std::vector<map_entry> top;
  if (document.empty() || !in.map({document.root(), {}}, root, top))
    return;
  for (const auto& entry : top) {
    if (entry.key.text != "default-values" || !in.truthy(entry.value))
      continue;
    const field_path path{nullptr, "default-values", -1};
    if (!in.is_map(entry.value)) {
      in.refuse(entry.value, path, "a mapping of variables to values");
      return;
    }
    const auto values = to_template_value(in, entry.value, path);
    for (const auto& [key, value] : values.dict().entries())
      out.set(key, value);
  }
}

/// `k=v` of the command line; nothing when there is no `=`.
std::optional<std::pair<std::string, std::string>> split_assignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos)
    return std::nullopt;
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

/// `int(v)`, else `float(v)`, else the text.
template_value guess(const std::string& text) {
  if (const auto integer = python_int(text)) {
    const auto number = saturate(*integer);
    return std::to_string(number) == *integer ? template_value{number} : template_value{*integer};
  }
  if (const auto real = python_float(text))
    return *real;
  return text;
}

/// Returns what is wrong with the options, or an empty text.
std::string add_settings(const load_options& options, template_dict& out) {
  for (const auto& text : options.set) {
    const auto pair = split_assignment(text);
    if (!pair)
      return "--set takes name=value, found '" + text + "'";
    out.set(pair->first, guess(pair->second));
  }
  for (const auto& text : options.set_string) {
    const auto pair = split_assignment(text);
    if (!pair)
      return "--set-string takes name=value, found '" + text + "'";
    out.set(pair->first, pair->second);
  }
  return {};
}

/// Whether nothing but tokens looks like a template in `text`: most specs, and no reason to render them.
bool holds_only_tokens(std::string_view text, const std::vector<token_place>& tokens) {
  std::size_t at = 0;
  std::string rest;
  for (const auto& token : tokens) {
    if (token.start > 0 && text[token.start - 1] == '{')
      return false;
    rest.append(text.substr(at, token.start - at)) += ' ';
    at = token.end;
  }
  rest.append(text.substr(at));
  return rest.find("{{") == std::string::npos && rest.find("{%") == std::string::npos &&
         rest.find("{#") == std::string::npos;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Whether a statement of the template speaks of `name`, as `{% for item in list %}` does: it is the template's then.
bool in_a_statement(std::string_view text, std::string_view name) {
  for (auto at = text.find("{%"); at != std::string_view::npos;) {
    const auto end = std::min(text.find("%}", at), text.size());
    const auto tag = text.substr(at, end - at);
    at = text.find("{%", end);
    for (auto i = tag.find(name); i != std::string_view::npos; i = tag.find(name, i + 1)) {
      const auto after = i + name.size();
      if (!is_word(tag[i - 1]) && (after == tag.size() || !is_word(tag[after])))
        return true;
    }
  }
  return false;
}

/// Muster's own tokens are left alone under its profile, but for names that the template has itself.
token_rules tokens_beside(std::string_view text, const template_dict& variables, profile rules) {
  token_rules out;
  if (rules != profile::muster)
    return out;
  const auto free = [&](const char* name) { return variables.find(name) == nullptr && !in_a_statement(text, name); };
  out.results = true;
  out.item = free("item");
  out.index = free("index");
  out.carry = free("carry");
  return out;
}

/// Renders `text`; each token becomes a variable that prints as the token.
template_outcome render_around_tokens(std::string_view text, template_dict variables, profile rules) {
  const auto tokens = find_tokens(text, tokens_beside(text, variables, rules));
  if (holds_only_tokens(text, tokens)) {
    template_outcome as_is;
    as_is.ok = true;
    as_is.text = text;
    // As rendering would: Jinja takes one newline off the end.
    if (!text.empty() && text.back() == '\n')
      as_is.text.pop_back();
    return as_is;
  }
  std::string body;
  std::unordered_map<std::string_view, std::string> names;
  std::size_t at = 0;
  for (const auto& token : tokens) {
    const auto written = text.substr(token.start, token.end - token.start);
    auto& name = names[written];
    if (name.empty()) {
      name = "muster_token_" + std::to_string(names.size());
      // A spec could have a variable of that name, for whatever reason.
      while (text.find(name) != std::string_view::npos || variables.find(name) != nullptr)
        name += "_";
      variables.set(name, written);
    }
    body.append(text.substr(at, token.start - at)).append("{{").append(name).append("}}");
    at = token.end;
  }
  body.append(text.substr(at));
  // Room for a hundred thousand tasks. What takes all there is has ended, with reading the text, within a second, also
  // on a slow machine: docs/spec.md promises that.
  template_limits limits;
  limits.output_bytes = body.size() + (std::size_t{16} << 20U);
  limits.memory_bytes = std::size_t{64} << 20U;
  limits.steps = 10'000'000;
  limits.wall_time = std::chrono::milliseconds{500};
  return render_template(body, template_value::make_dict(std::move(variables)), limits);
}

/// The name that the print statement begins with which holds `column`, counted from 0, of `line`.
std::string_view printed_name(std::string_view line, std::size_t column) {
  const auto open = line.rfind("{{", column);
  if (open == std::string_view::npos)
    return {};
  const auto begin = std::min(line.find_first_not_of(" -", open + 2), line.size());
  const auto end = std::find_if_not(line.begin() + static_cast<std::ptrdiff_t>(begin), line.end(), is_word);
  return line.substr(begin, static_cast<std::size_t>(end - line.begin()) - begin);
}

/// A hint at the token or variable that a name may have been meant to be.
std::string near_name(std::string_view name, const std::vector<std::string>& variables) {
  std::vector<std::string_view> known{"input", "output", "host", "uuid", "workflow_id", "item"};
  known.insert(known.end(), variables.begin(), variables.end());
  return nearest(name, known) == name ? "" : did_you_mean(name, known);
}

/// A line of `text`, counted from 0.
std::string_view line_of(std::string_view text, std::size_t number) {
  for (; number > 0; --number)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

} // namespace

rendered_spec render_spec(std::string_view text, const load_options& options, reporter& report) {
  rendered_spec out;
  const section* body = nullptr;
  const section* defaults = nullptr;
  std::vector<std::string_view> seen;
  const auto sections = split_sections(text);
  for (const auto& x : sections) {
    const yaml::mark place{static_cast<std::uint32_t>(x.line), 0};
    if (std::find(top_level_keys.begin(), top_level_keys.end(), x.key) == top_level_keys.end()) {
      const auto hint = did_you_mean(x.key, top_level_keys);
      report.error(place, std::string{x.key}, "unknown top-level key '" + std::string{x.key} + "'",
                   hint.empty() ? "known keys: workflow, default-values, version" : hint);
    } else if (std::find(seen.begin(), seen.end(), x.key) != seen.end()) {
      report.error(place, std::string{x.key}, "the top-level key '" + std::string{x.key} + "' is there twice");
    }
    seen.push_back(x.key);
    if (x.key == "workflow" && body == nullptr)
      body = &x;
    if (x.key == "default-values" && defaults == nullptr)
      defaults = &x;
  }
  template_dict variables;
  if (defaults != nullptr)
    add_defaults(*defaults, options, variables, report);
  if (const auto problem = add_settings(options, variables); !problem.empty())
    report.error(problem);
  if (body == nullptr)
    report.error("the spec has no top-level key `workflow` at the start of a line");
  if (!report.clean())
    return out;
  std::vector<std::string> names;
  for (const auto& x : variables.entries())
    if (x.first.is_string())
      names.push_back(x.first.as_string());
  const auto rendered = render_around_tokens(body->text, std::move(variables), options.profile);
  if (!rendered.ok) {
    const bool is_comment = rendered.problem.message == "Missing end of comment tag";
    const auto line = rendered.problem.line > 0 ? rendered.problem.line - 1 : 0;
    const auto column = rendered.problem.column > 0 ? rendered.problem.column - 1 : 0;
    report.error({static_cast<std::uint32_t>(body->line + line), static_cast<std::uint32_t>(column)}, std::string{},
                 "the template does not render: " + rendered.problem.message,
                 is_comment ? "a comment of the template begins with `{#`; where that is of a shell, write "
                              "{% raw %}${#x}{% endraw %}"
                            : near_name(printed_name(line_of(body->text, line), column), names));
    return out;
  }
  out.text = std::string(body->line, '\n') + rendered.text;
  out.ok = true;
  return out;
}

std::string render_contents(std::string& text, const load_options& options) {
  if (!is_templated(text))
    return {};
  template_dict variables;
  if (auto problem = add_settings(options, variables); !problem.empty())
    return problem;
  auto rendered = render_around_tokens(text, std::move(variables), options.profile);
  if (!rendered.ok)
    return "line " + std::to_string(rendered.problem.line) +
           " of the file does not render as a template: " + rendered.problem.message;
  text = std::move(rendered.text);
  return {};
}

} // namespace muster::spec
