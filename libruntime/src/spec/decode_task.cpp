#include "spec/decode.hpp"
#include "spec/flow_decode.hpp"

#include "muster/base/nearest.hpp"
#include "muster/base/regex.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/exit_words.hpp"
#include "muster/spec/image.hpp"
#include "muster/spec/names.hpp"
#include "muster/spec/storage_url.hpp"
#include "spec/python_number.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

bool is_plain_scalar(yaml::scalar_type x) {
  return x == yaml::scalar_type::text || x == yaml::scalar_type::integer || x == yaml::scalar_type::real ||
         x == yaml::scalar_type::boolean;
}

/// A string, number or boolean as Python's `str()` prints it.
bool scalar_text(const value_reader& in, value_at x, const field_path& path, std::string& out,
                 std::string_view expected) {
  if (!in.is_scalar(x))
    return in.refuse(x, path, expected);
  auto value = in.scalar(x);
  if (!is_plain_scalar(value.type))
    return in.refuse(x, path, expected);
  out = value.type == yaml::scalar_type::text ? std::move(value.text) : yaml::python_text(value);
  return true;
}

/// `str()` of a key.
std::string key_text(const yaml::scalar& key) {
  return key.type == yaml::scalar_type::text ? key.text : yaml::python_text(key);
}

void check_url(const value_reader& in, value_at x, const field_path& path, const std::string& url, profile rules) {
  if (rules == profile::muster && is_file_url(url)) {
    if (const auto target = parse_file_url(url); !target)
      in.report().error(x.place, path, target.failure().message);
    return;
  }
  if (const auto target = parse_storage_url(url); !target)
    in.report().error(x.place, path, target.failure().message,
                      rules == profile::muster ? "files of this host are file:///absolute/path" : "");
}

/// Where no executor could ever publish to.
void check_target(const value_reader& in, value_at x, const field_path& path, const std::string& url) {
  const auto target = parse_file_url(url);
  if (!target)
    return; // It was reported, or is of an object store.
  const auto parts = names_on_path(*target);
  if (parts.empty())
    in.report().error(x.place, path, "'" + url + "' is the root folder, where nothing can be published",
                      "name a folder: file:///absolute/path");
  else if (parts[0] == "proc" || parts[0] == "sys")
    in.report().error(x.place, path, "'" + url + "' is in /" + std::string{parts[0]} + ", which belongs to the kernel");
}

// -- inputs, outputs

/// A hint for the first unknown key that resembles one of these.
std::string hint_at(const std::vector<map_entry>& entries, const names& known) {
  for (const auto& entry : entries)
    if (auto hint = did_you_mean(key_text(entry.key), known); !hint.empty())
      return hint;
  return {};
}

void decode_input(const value_reader& in, value_at x, const field_path& path, profile rules, input& out) {
  std::vector<map_entry> entries;
  if (!in.is_map(x)) {
    in.refuse(x, path, "`task: <name>` or `url: <storage url>`");
    return;
  }
  if (!in.map(x, path, entries))
    return;
  const auto has = [&](std::string_view name) {
    return std::any_of(entries.begin(), entries.end(), [&](const map_entry& entry) {
      return entry.key.type == yaml::scalar_type::text && entry.key.text == name;
    });
  };
  if (has("task") && has("url")) {
    in.report().error(x.place, path, "an input has either `task` or `url`, not both");
    return;
  }
  if (!has("task") && !has("url")) {
    in.report().error(x.place, path, "an input needs `task` or `url`", hint_at(entries, {"task", "url"}));
    return;
  }
  each_field(in, x, path, names{"task", "url", "regex"}, {},
             [&](std::string_view name, value_at value, const field_path& where) {
               std::string text;
               if (!in.text(value, where, text, numbers::refuse))
                 return;
               if (name == "regex") {
                 check_regex(in, value, where, text);
                 out.regex = std::move(text);
               } else if (name == "url") {
                 check_url(in, value, where, text, rules);
                 out.from = url_input{std::move(text)};
               } else if (auto task = parse_task_reference(text)) {
                 out.from = task_input{std::move(task->task), std::move(task->workflow)};
               } else {
                 in.report().error(value.place, where,
                                   "expected the name of a task or `<workflow id>:<task>`, found '" + text + "'");
               }
             });
}

void decode_output(const value_reader& in, value_at x, const field_path& path, profile rules, output& out) {
  each_field(in, x, path, names{"url", "regex"}, {"url"},
             [&](std::string_view name, value_at value, const field_path& where) {
               std::string& text = name == "url" ? out.url : out.regex;
               if (!in.text(value, where, text, numbers::refuse))
                 return;
               if (name == "url") {
                 check_url(in, value, where, text, rules);
                 if (rules == profile::muster)
                   check_target(in, value, where, text);
               } else {
                 check_regex(in, value, where, text);
               }
             });
}

void decode_kpi(const value_reader& in, value_at x, const field_path& path, kpi& out) {
  each_field(in, x, path, names{"index", "path"}, {"index", "path"},
             [&](std::string_view name, value_at value, const field_path& where) {
               (void)in.text(value, where, name == "index" ? out.index : out.path, numbers::as_text);
             });
}

void decode_checkpoint(const value_reader& in, value_at x, const field_path& path, checkpoint& out) {
  each_field(in, x, path, names{"path", "url", "frequency", "regex"}, {"path", "url", "frequency"},
             [&](std::string_view name, value_at value, const field_path& where) {
               if (name == "frequency") {
                 if (in.is_scalar(value) && in.scalar(value).type == yaml::scalar_type::boolean) {
                   in.refuse(value, where, "a duration");
                   return;
                 }
                 if (!decode_duration(in, value, where, out.frequency))
                   return;
                 // OSMO writes it as ISO 8601 between its services, where neither a sign nor years can be read back.
                 constexpr duration year = std::chrono::hours{365 * 24};
                 if (out.frequency < duration::zero())
                   in.report().error(value.place, where,
                                     "expected a duration that is not negative, found " + in.describe(value));
                 else if (out.frequency >= year)
                   in.report().error(value.place, where,
                                     "expected a duration below 365 days, found " + in.describe(value));
                 return;
               }
               std::string& text = name == "path" ? out.path : name == "url" ? out.url : out.regex;
               if (!in.text(value, where, text, numbers::refuse))
                 return;
               if (name == "regex")
                 check_regex(in, value, where, text);
               else if (name == "url" && !is_storage_url(text))
                 in.report().error(value.place, where,
                                   "expected a storage URL such as s3://bucket/path, found '" + text + "'");
             });
}

// -- environment, credentials, exit actions

/// What no program can be given; OSMO does not look.
bool fits_program(const value_reader& in, value_at x, const field_path& path, std::string_view text) {
  if (in.rules() != profile::muster || text.find('\0') == std::string_view::npos)
    return true;
  in.report().error(x.place, path, "a zero byte ends every text that a program is given: take it out");
  return false;
}

bool is_variable(const value_reader& in, const map_entry& x, const field_path& path, std::string_view name) {
  if (in.rules() != profile::muster)
    return true;
  if (!name.empty() && name.find('=') == std::string_view::npos && name.find('\0') == std::string_view::npos)
    return true;
  in.report().error(x.key_place, path,
                    name.empty() ? "a variable needs a name"
                                 : "the name of a variable has neither '=' nor a zero byte");
  return false;
}

/// The words of a command.
bool decode_words(const value_reader& in, value_at x, const field_path& path, std::vector<std::string>& out) {
  bool good = in.text_list(x, path, out, numbers::as_text);
  for (std::size_t i = 0; good && i < out.size(); ++i)
    good = fits_program(in, x, path.item(i), out[i]);
  return good;
}

void decode_environment(const value_reader& in, value_at x, const field_path& path,
                        std::vector<std::pair<std::string, std::string>>& out) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  for (const auto& entry : entries) {
    auto key = key_text(entry.key);
    std::string value;
    const auto where = path.field(key);
    bool good = false;
    if (in.is_scalar(entry.value) && in.scalar(entry.value).type == yaml::scalar_type::bytes)
      good = in.text(entry.value, where, value, numbers::as_text);
    else
      good = scalar_text(in, entry.value, where, value, "a string, number or boolean");
    if (!good || !is_variable(in, entry, where, key) || !fits_program(in, entry.value, where, value))
      continue;
    // `1` and `"1"` are two keys of the YAML, but one of the environment.
    const auto same = std::find_if(out.begin(), out.end(), [&](const auto& pair) { return pair.first == key; });
    if (same != out.end())
      same->second = std::move(value);
    else
      out.emplace_back(std::move(key), std::move(value));
  }
}

void decode_credentials(const value_reader& in, value_at x, const field_path& path,
                        std::map<std::string, credential>& out) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  for (const auto& entry : entries) {
    const auto name = key_text(entry.key);
    const auto where = path.field(name);
    if (!in.is_map(entry.value)) {
      std::string folder;
      if (scalar_text(in, entry.value, where, folder, "a folder to mount at, or a mapping of variables to keys"))
        out[name] = std::move(folder);
      continue;
    }
    std::vector<map_entry> variables;
    if (!in.map(entry.value, where, variables))
      continue;
    std::map<std::string, std::string> keys;
    for (const auto& variable : variables) {
      const auto variable_name = key_text(variable.key);
      std::string value;
      if (scalar_text(in, variable.value, where.field(variable_name), value, "the name of a key of the credential"))
        keys[variable_name] = std::move(value);
    }
    out[name] = std::move(keys);
  }
}

/// One part between commas. OSMO's grammar lets parts run together (`1-23-4`); it then finds no range in them.
bool take_codes(std::string_view part, std::vector<code_range>& out) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t dashes = 0;
  std::size_t digits_since_dash = 0;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (is_digit(part[i])) {
      ++digits_since_dash;
      continue;
    }
    // After a range's second number at least one more digit has to start the next number.
    if (part[i] != '-' || digits_since_dash == 0 || (dashes > 0 && digits_since_dash < 2))
      return false;
    ++dashes;
    digits_since_dash = 0;
  }
  if (digits_since_dash == 0)
    return false;
  if (dashes > 1)
    return true;
  const auto dash = part.find('-');
  const auto first = saturate(part.substr(0, dash));
  out.push_back({first, dash == std::string_view::npos ? first : saturate(part.substr(dash + 1))});
  return true;
}

// -- simple fields

template <class T, class Decode>
void decode_items(const value_reader& in, value_at x, const field_path& path, std::vector<T>& out, Decode decode) {
  std::vector<value_at> items;
  if (!in.list(x, path, items))
    return;
  out.resize(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    decode(items[i], path.item(i), out[i]);
}

void check_reserved_name(const value_reader& in, value_at x, const field_path& path, const std::string& name) {
  // The name is cut to what Kubernetes takes before it is compared.
  auto kept = name.substr(0, std::min<std::size_t>(name.size(), 63));
  if (name.size() > 63)
    kept.erase(kept.find_last_not_of("-_") + 1);
  if (normal_name(kept) == "osmo-ctrl")
    in.report().error(x.place, path, "the name '" + name + "' is reserved");
}

void decode_download_type(const value_reader& in, value_at x, const field_path& path, std::string& out) {
  if (!in.is_scalar(x)) {
    in.refuse(x, path, "`download`");
    return;
  }
  const auto value = in.scalar(x);
  if (value.type == yaml::scalar_type::null)
    return;
  if (value.type == yaml::scalar_type::text && value.text == "download")
    out = value.text;
  else
    in.refuse(x, path, "`download`");
}

void decode_optional_text(const value_reader& in, value_at x, const field_path& path, std::string& out) {
  if (in.is_scalar(x) && in.scalar(x).type == yaml::scalar_type::null)
    return;
  (void)in.text(x, path, out, numbers::as_text);
}

/// With a word in place of each token, for rules that look at the shape of a text.
std::string without_tokens(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  for (const auto& token : find_tokens(text, token_rules::all())) {
    out.append(text.substr(at, token.start - at)) += 'x';
    at = token.end;
  }
  return out.append(text.substr(at));
}

void decode_volume_mounts(const value_reader& in, value_at x, const field_path& path, const load_options& options,
                          std::vector<std::string>& out) {
  std::vector<value_at> items;
  if (!in.text_list(x, path, out, numbers::as_text) || !in.list(x, path, items))
    return;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string_view mount = out[i];
    const auto colon = mount.find(':');
    const auto tail = colon == std::string_view::npos ? std::string_view{} : mount.substr(colon + 1);
    if (colon != std::string_view::npos && (tail.empty() || tail.find(':') != std::string_view::npos)) {
      in.report().error(items[i].place, path.item(i), "expected `source` or `source:target`, found '" + out[i] + "'");
      continue;
    }
    if (!options.pool)
      continue;
    const auto& given = options.pool->default_mounts;
    if (std::find(given.begin(), given.end(), mount.substr(0, colon)) != given.end())
      in.report().error(items[i].place, path.item(i),
                        "the pool gives '" + std::string{mount.substr(0, colon)} + "' to every task, take it out here");
  }
}

} // namespace

void decode_exit_actions(const value_reader& in, value_at x, const field_path& path, std::vector<exit_rule>& out) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  constexpr std::array<std::string_view, 3> known = {"COMPLETE", "FAIL", "RESCHEDULE"};
  for (const auto& entry : entries) {
    const auto name = key_text(entry.key);
    const auto where = path.field(name);
    const auto action = parse_exit_action(name);
    if (!action) {
      in.report().error(entry.key_place, where, "expected COMPLETE, FAIL or RESCHEDULE, found '" + name + "'",
                        did_you_mean(name, known));
      continue;
    }
    exit_rule rule;
    rule.action = *action;
    if (!scalar_text(in, entry.value, where, rule.text, "exit codes such as 1-10,16"))
      continue;
    if (parse_exit_codes(rule.text, rule.codes))
      out.push_back(std::move(rule));
    else
      in.report().error(entry.value.place, where, "expected exit codes such as 1-10,16, found '" + rule.text + "'");
  }
}

bool parse_exit_codes(const std::string& text, std::vector<code_range>& out) {
  const auto folded = fold_digits(text);
  std::string_view rest = folded;
  while (true) {
    const auto comma = rest.find(',');
    if (!take_codes(rest.substr(0, comma), out))
      return false;
    if (comma == std::string_view::npos)
      return true;
    rest.remove_prefix(comma + 1);
  }
}

std::vector<std::string_view> names_on_path(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    if (!part.empty() && part != ".")
      out.push_back(part);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return out;
}

bool good_file_path(std::string_view path) {
  constexpr std::string_view output_folder = "/osmo/data/output/";
  if (path.substr(0, output_folder.size()) == output_folder)
    return true;
  const auto start = path.find_first_not_of('/');
  if (start == std::string_view::npos)
    return false;
  path.remove_prefix(start);
  return path.substr(0, path.find('/')) != "osmo";
}

bool check_regex(const value_reader& in, value_at x, const field_path& path, const std::string& pattern) {
  if (pattern.empty())
    return true;
  if (const auto compiled = regex::compile(pattern); !compiled) {
    in.report().error(x.place, path,
                      "expected a regular expression, found '" + pattern.substr(0, 80) +
                          "': " + compiled.failure().message);
    return false;
  }
  return true;
}

void decode_task(const value_reader& in, value_at x, const field_path& path, const load_options& options, task& out,
                 task_places& places, const extra_fields* extra) {
  static const names own = {"name",         "image",       "command",      "args",      "inputs",      "outputs",
                            "kpis",         "lead",        "environment",  "files",     "privileged",  "hostNetwork",
                            "volumeMounts", "credentials", "downloadType", "cacheSize", "exitActions", "checkpoint",
                            "resource",     "resources",   "backend"};
  places.start = x.place;
  places.name = x.place;
  places.resource = x.place;
  const auto decode = [&](std::string_view name, value_at value, const field_path& where) {
    if (extra != nullptr && std::find(own.begin(), own.end(), name) == own.end()) {
      extra->use(name, value, where);
    } else if (name == "name") {
      places.name = value.place;
      decode_name(in, value, where, out.name);
      check_reserved_name(in, value, where, out.name);
    } else if (name == "image") {
      if (in.text(value, where, out.image, numbers::as_text))
        if (const auto image = parse_image(extra != nullptr ? without_tokens(out.image) : out.image); !image)
          in.report().error(value.place, where, image.failure().message);
    } else if (name == "command") {
      if (decode_words(in, value, where, out.command) && out.command.empty())
        in.report().error(value.place, where, "expected at least one word, found an empty list");
    } else if (name == "args") {
      (void)decode_words(in, value, where, out.args);
    } else if (name == "inputs") {
      std::vector<value_at> items;
      if (in.list(value, where, items))
        for (const auto& item : items)
          places.inputs.push_back(item.place);
      else
        return;
      decode_items(in, value, where, out.inputs, [&](value_at item, const field_path& at, input& to) {
        decode_input(in, item, at, options.profile, to);
      });
    } else if (name == "outputs") {
      decode_items(in, value, where, out.outputs, [&](value_at item, const field_path& at, output& to) {
        decode_output(in, item, at, options.profile, to);
      });
    } else if (name == "kpis") {
      decode_items(in, value, where, out.kpis,
                   [&](value_at item, const field_path& at, kpi& to) { decode_kpi(in, item, at, to); });
    } else if (name == "lead") {
      (void)in.boolean(value, where, out.lead);
    } else if (name == "environment") {
      decode_environment(in, value, where, out.environment);
    } else if (name == "files") {
      decode_files(in, value, where, options, out.files, places);
    } else if (name == "privileged") {
      (void)in.boolean(value, where, out.privileged);
    } else if (name == "hostNetwork") {
      (void)in.boolean(value, where, out.host_network);
    } else if (name == "volumeMounts") {
      decode_volume_mounts(in, value, where, options, out.volume_mounts);
    } else if (name == "credentials") {
      decode_credentials(in, value, where, out.credentials);
    } else if (name == "downloadType") {
      decode_download_type(in, value, where, out.download_type);
    } else if (name == "cacheSize") {
      decode_optional_text(in, value, where, out.cache_size);
    } else if (name == "exitActions") {
      decode_exit_actions(in, value, where, out.exit_actions);
    } else if (name == "checkpoint") {
      decode_items(in, value, where, out.checkpoints,
                   [&](value_at item, const field_path& at, checkpoint& to) { decode_checkpoint(in, item, at, to); });
    } else if (name == "resource") {
      places.resource = value.place;
      (void)in.text(value, where, out.resource, numbers::as_text);
    } else if (name == "resources") {
      // OSMO keeps the resolved resource here; what a spec says is checked, then overwritten.
      resource ignored;
      std::vector<yaml::mark> topologies;
      decode_resource(in, value, where, ignored, topologies);
    } else {
      std::string ignored;
      (void)in.text(value, where, ignored, numbers::as_text);
    }
  };
  auto known = own;
  if (extra != nullptr)
    known.insert(known.end(), extra->names.begin(), extra->names.end());
  auto suggested = own;
  if (options.profile == profile::muster)
    suggested.insert(suggested.end(), step_keys().begin(), step_keys().end());
  const bool named = extra == nullptr || !extra->name_optional;
  each_field(in, x, path, known, named ? names{"name", "image", "command"} : names{"image", "command"}, decode,
             &suggested);
}

} // namespace muster::spec
