#include "muster/spec/load.hpp"

#include "muster/base/nearest.hpp"
#include "muster/base/utf8.hpp"
#include "spec/decode.hpp"
#include "spec/flow_decode.hpp"
#include "spec/line_map.hpp"
#include "spec/local_files.hpp"
#include "spec/render_spec.hpp"
#include "spec/repeated_keys.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <new>
#include <stdexcept>
#include <system_error>

namespace muster::spec {

namespace {

constexpr std::size_t largest_spec = std::size_t{64} << 20U;

/// A short template can make a text of many nodes; see the limits of rendering. What is written out is not counted.
constexpr std::size_t most_rendered_nodes = 2'000'000;

/// `\r\n` and `\r` as `\n`, as Python reads text files, and without a byte order mark.
std::string normalize(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark)
    text.remove_prefix(byte_order_mark.size());
  if (text.find('\r') == std::string_view::npos)
    return std::string{text};
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
      continue;
    }
    out += '\n';
    if (i + 1 < text.size() && text[i + 1] == '\n')
      ++i;
  }
  return out;
}

void check_encoding(std::string_view text, reporter& report) {
  const auto bad = first_invalid_utf8(text);
  if (bad == text.size())
    return;
  const auto before = text.substr(0, bad);
  const auto line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'));
  const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  report.error({line, static_cast<std::uint32_t>(code_points(before.substr(line_start)))}, std::string{},
               "byte " + std::to_string(bad) + " of the text is not UTF-8", "save the file as UTF-8");
}

/// `K=V` into every task.
void add_environment(const load_options& options, workflow& out, reporter& report) {
  for (const auto& text : options.set_env) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      report.error("--set-env takes NAME=value, found '" + text + "'");
      continue;
    }
    const auto name = text.substr(0, equals);
    auto value = text.substr(equals + 1);
    if (options.profile == profile::osmo)
      value.resize(std::min(value.size(), value.find('='))); // OSMO's service cuts at the second `=`.
    const auto put = [&](task& t) {
      const auto same = std::find_if(t.environment.begin(), t.environment.end(),
                                     [&](const auto& pair) { return pair.first == name; });
      if (same != t.environment.end())
        same->second = value;
      else
        t.environment.emplace_back(name, value);
    };
    for (auto& g : out.groups)
      std::for_each(g.tasks.begin(), g.tasks.end(), put);
    if (out.flow)
      for_each_task_to_change(*out.flow, put);
  }
}

/// Whether `word` stands somewhere in `text`, as a whole.
bool has_word(std::string_view text, std::string_view word) {
  const auto part_of_word = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
  };
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    if (!part_of_word(at + word.size()) && (at == 0 || !part_of_word(at - 1)))
      return true;
  return false;
}

/// A value for what the spec never names is a slip of the keyboard, most likely.
void warn_of_unused_values(std::string_view text, const load_options& options, const workflow& read, reporter& report) {
  std::vector<std::string_view> known;
  if (read.flow)
    for (const auto& x : read.flow->parameters)
      known.push_back(x.name);
  for (const auto& [list, option] : {std::pair{&options.set, "--set"}, std::pair{&options.set_string, "--set-string"}})
    for (const auto& entry : *list) {
      const auto name = std::string_view{entry}.substr(0, entry.find_first_of(".=["));
      if (name.empty() || has_word(text, name))
        continue;
      report.warning(option + std::string{": nothing in the spec is called '"} + std::string{name.substr(0, 80)} + "'",
                     did_you_mean(name, known));
    }
}

/// Whether OSMO's client, which writes the document anew, writes `key` so that its service takes it for a section.
bool is_section_key(const yaml::scalar& key) {
  if (key.type == yaml::scalar_type::null || key.type == yaml::scalar_type::boolean)
    return true;
  const auto line = key.text + ":";
  const auto sections = split_sections(line);
  if (key.type != yaml::scalar_type::text || sections.size() != 1)
    return false;
  // A key that YAML needs in quotes starts with a quote there.
  const bool quoted = key.text.empty() || key.text.back() == ':' || key.text.find(": ") != std::string::npos ||
                      key.text.find(" #") != std::string::npos ||
                      yaml::resolve(key.text, true, {}).type != yaml::scalar_type::text;
  return !quoted;
}

/// Whether `key` is written before the key `workflow`: what is there and no section is dropped by OSMO. Keys are sorted
/// when all are strings.
bool is_dropped(const std::vector<map_entry>& entries, const map_entry& x) {
  if (is_section_key(x.key))
    return false;
  const bool sorted = std::all_of(entries.begin(), entries.end(),
                                  [](const map_entry& e) { return e.key.type == yaml::scalar_type::text; });
  if (sorted)
    return x.key.text < "workflow";
  for (const auto& e : entries) {
    if (e.key.text == "workflow")
      return false;
    if (&e == &x)
      return true;
  }
  return false;
}

/// The top level: only `workflow` is read, `version` is allowed.
void decode_document(const value_reader& in, bool templated, const load_options& options, workflow& out,
                     reporter& report) {
  const field_path root{};
  const auto& document = in.document();
  if (document.empty()) {
    report.error("the spec is empty, expected the top-level key `workflow`");
    return;
  }
  const value_at top{document.root(), document.at(document.root()).start};
  std::vector<map_entry> entries;
  if (!in.is_map(top)) {
    in.refuse(top, root, "a mapping with the key `workflow`");
    return;
  }
  if (!in.map(top, root, entries))
    return;
  static const std::vector<std::string_view> known = {"workflow", "version"};
  static const std::vector<std::string_view> known_in_template = {"workflow"};
  bool found = false;
  for (const auto& entry : entries) {
    const bool is_text = entry.key.type == yaml::scalar_type::text;
    if (is_text && entry.key.text == "workflow") {
      found = true;
      workflow_places places;
      decode_workflow(in, entry.value, options, out, places);
      check_workflow(out, places, options, report);
    } else if (is_text && entry.key.text == "version" && !templated) {
      in.check_all(entry.value, root.field("version"));
    } else if (is_dropped(entries, entry)) {
      in.check_all(entry.value, root);
      report.warning(entry.key_place, root, "a top-level key that is no name is ignored, as OSMO does");
    } else {
      report_unknown_key(in, entry, root, templated ? known_in_template : known);
    }
  }
  if (!found)
    report.error(top.place, std::string{}, "the top-level key `workflow` is missing");
}

/// `written`: bytes of the spec as its user wrote it.
void read_yaml(std::string_view text, std::size_t written, bool templated, const load_options& options, workflow& out,
               reporter& report) {
  yaml::tree document;
  yaml::problem why;
  const bool strict = options.profile == profile::osmo;
  yaml::limits bounds;
  // Each workflow within another takes five collections at most.
  if (!strict)
    bounds.depth = 5 * deepest_scope + 64;
  if (templated)
    bounds.nodes = written + most_rendered_nodes;
  if (!yaml::parse(text, document, why, strict, bounds)) {
    report.error(why.place, std::string{}, why.message);
    return;
  }
  decode_document(value_reader{document, report, options.profile}, templated, options, out, report);
  if (!strict)
    warn_of_repeated_keys(document, report);
}

void load_into(std::string_view raw, const load_options& options, load_outcome& out) {
  reporter report;
  if (raw.size() > largest_spec) {
    report.error("the spec has " + std::to_string(raw.size() >> 20U) + " MiB, expected at most 64");
    out.errors = report.take_errors();
    return;
  }
  const auto text = normalize(raw);
  check_encoding(text, report);
  workflow result;
  auto parsed = text;
  if (report.clean()) {
    out.templated = is_templated(text);
    bool ready = true;
    if (out.templated) {
      auto rendered = render_spec(text, options, report);
      ready = rendered.ok;
      // What is said until here is of the text as it was written.
      out.warnings = report.take_warnings();
      place_in_source(out.warnings, text, text);
      if (ready)
        parsed = std::move(rendered.text);
    }
    if (ready)
      read_yaml(parsed, text.size(), out.templated, options, result, report);
    if (report.clean())
      add_environment(options, result, report);
    if (options.profile == profile::muster && report.clean())
      warn_of_unused_values(text, options, result, report);
  }
  const bool good = report.clean();
  out.errors = report.take_errors();
  place_in_source(out.errors, text, parsed);
  auto warnings = report.take_warnings();
  place_in_source(warnings, text, parsed);
  std::move(warnings.begin(), warnings.end(), std::back_inserter(out.warnings));
  out.rendered = std::move(parsed);
  if (good)
    out.workflow = std::move(result);
}

void name_file(load_outcome& out, const std::string& file) {
  for (auto* const list : {&out.errors, &out.warnings})
    for (auto& x : *list)
      x.file = file;
}

load_outcome failed(const std::string& file, std::string message, std::string hint = {}) {
  load_outcome out;
  diagnostic x;
  x.file = file;
  x.message = std::move(message);
  x.hint = std::move(hint);
  out.errors.push_back(std::move(x));
  return out;
}

} // namespace

std::string_view to_string(profile x) noexcept {
  return x == profile::osmo ? "osmo" : "muster";
}

pool_rules reference_pool() {
  return {std::vector<std::string>{"gpu-clique", "rack", "zone"}, {"/mnt/default"}};
}

load_outcome load(std::string_view text, const load_options& options) {
  // Nothing here throws by intent; what the standard library throws under want of memory must not leave.
  try {
    load_outcome out;
    if (options.profile == profile::osmo && !options.pool) {
      auto with_pool = options;
      with_pool.pool = reference_pool();
      load_into(text, with_pool, out);
    } else {
      load_into(text, options, out);
    }
    name_file(out, options.file_name);
    return out;
  } catch (const std::bad_alloc&) {
    return failed(options.file_name, "there is not enough memory to load the spec");
  } catch (const std::exception& problem) {
    return failed(options.file_name, std::string{"the spec cannot be loaded: "} + problem.what());
  }
}

load_outcome load_file(const std::string& path, load_options options) {
  options.file_name = path;
  const auto slash = path.rfind('/');
  options.base_dir = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  auto bytes = read_regular_file(path, largest_spec);
  if (!bytes) {
    std::error_code ignored;
    const bool is_pipe = std::filesystem::is_fifo(path, ignored);
    return failed(path, bytes.failure().message, is_pipe ? "to read a spec from a pipe, give '-' as the file" : "");
  }
  auto outcome = load(*bytes, options);
  outcome.source = std::move(*bytes);
  return outcome;
}

} // namespace muster::spec
