#include "muster/config/file.hpp"

#include "config/decode.hpp"
#include "muster/base/utf8.hpp"
#include "spec/line_map.hpp"
#include "spec/local_files.hpp"
#include "spec/repeated_keys.hpp"

#include <algorithm>
#include <stdexcept>

namespace muster::config {

namespace {

using namespace spec;

constexpr std::size_t largest_file = std::size_t{1} << 20U;

/// A pool may be set up below the line that makes it the default one, so this is looked at when all is read.
void check_default_pool(const value_reader& in, value_at defaults, const configuration& read, reporter& report) {
  const auto& name = read.service.defaults.pool;
  const auto& always = pools_of_every_machine;
  if (read.pools.count(name) > 0 || std::find(always.begin(), always.end(), name) != always.end())
    return;
  std::string known{"local, docker"};
  for (const auto& [other, settings] : read.pools)
    known += other == "docker" ? "" : ", " + other;
  const field_path top;
  const auto path = top.field("defaults");
  std::vector<map_entry> entries;
  if (in.map(defaults, path, entries))
    for (const auto& x : entries)
      if (x.key.text == "pool")
        report.error(x.value.place, path.field("pool"), "there is no pool '" + name + "'",
                     "there are " + known + "; 'pools' of this file sets up others");
}

void decode(std::string_view text, const std::string& file_name, configuration& out, reporter& report) {
  const auto bad = first_invalid_utf8(text);
  if (bad != text.size()) {
    report.error("byte " + std::to_string(bad) + " of the file is not UTF-8", "save the file as UTF-8");
    return;
  }
  yaml::tree document;
  yaml::problem why;
  if (!yaml::parse(text, document, why)) {
    report.error(why.place, std::string{}, why.message);
    return;
  }
  if (document.empty())
    return;
  refuse_repeated_keys(document, report);
  const value_reader in{document, report};
  const auto base = std::filesystem::path{file_name}.parent_path();
  const value_at top{document.root(), document.at(document.root()).start};
  static const auto known = [] {
    std::vector<std::string_view> all{"pools", "contexts", "current_context"};
    all.insert(all.end(), service_keys().begin(), service_keys().end());
    return all;
  }();
  value_at current{yaml::no_node, top.place};
  value_at defaults = current;
  (void)each_field(in, top, field_path{}, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
    if (in.is_scalar(v) && in.scalar(v).type == yaml::scalar_type::null)
      return;
    if (key == "pools") {
      decode_pools(in, base, v, where, out.pools);
    } else if (key == "contexts") {
      decode_contexts(in, base, v, where, out.client.contexts);
    } else if (key == "defaults") {
      defaults = v;
    } else if (key == "current_context") {
      current = v;
      (void)in.text(v, where, out.client.current, numbers::refuse);
    }
  });
  decode_service(in, base, top, out.service);
  if (defaults.id != yaml::no_node)
    check_default_pool(in, defaults, out, report);
  if (!out.client.current.empty() && out.client.contexts.count(out.client.current) == 0)
    report.error(current.place, "current_context", "there is no context '" + out.client.current + "'");
}

load_outcome failed(const std::string& file, std::string message) {
  diagnostic x;
  x.file = file;
  x.message = std::move(message);
  return {std::nullopt, {std::move(x)}};
}

const char* set_variable(const store::environment& get, const char* name) {
  const auto* value = get(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

} // namespace

load_outcome load(std::string_view text, const std::string& file_name) {
  // Nothing here throws by intent; what the standard library throws under want of memory must not leave.
  try {
    reporter report;
    configuration read;
    decode(text, file_name, read, report);
    load_outcome out;
    if (report.clean())
      out.value = std::move(read);
    out.errors = report.take_errors();
    place_in_source(out.errors, text, text);
    for (auto& x : out.errors)
      x.file = file_name;
    return out;
  } catch (const std::exception& problem) {
    return failed(file_name, std::string{"the configuration cannot be read: "} + problem.what());
  }
}

load_outcome load_file(const std::string& path) {
  const auto bytes = read_regular_file(path, largest_file);
  return bytes ? load(*bytes, path) : failed(path, bytes.failure().message);
}

std::optional<found_file> find_file(const std::string& named, const store::environment& get) {
  if (!named.empty())
    return found_file{named, true};
  if (const auto* path = set_variable(get, "MUSTER_CONFIG"))
    return found_file{path, true};
  if (const auto* folder = set_variable(get, "XDG_CONFIG_HOME"); folder != nullptr && *folder == '/')
    return found_file{std::string{folder} + "/muster/config.yaml", false};
  if (const auto* home = set_variable(get, "HOME"))
    return found_file{std::string{home} + "/.config/muster/config.yaml", false};
  return std::nullopt;
}

load_outcome load_user(const std::string& named, const store::environment& get) {
  const auto found = find_file(named, get);
  std::error_code ignored;
  if (!found || (!found->named && !std::filesystem::exists(found->path, ignored)))
    return {configuration{}, {}};
  return load_file(found->path);
}

} // namespace muster::config
