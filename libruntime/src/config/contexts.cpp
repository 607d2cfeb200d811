#include "muster/config/contexts.hpp"

#include "config/decode.hpp"
#include "config/field_reader.hpp"
#include "config/in_quotes.hpp"

#include <sstream>

namespace muster::config {

namespace {

bool good_context_name(const std::string& x) {
  constexpr std::string_view others = "-_.";
  return !x.empty() && x.size() <= 63 && std::all_of(x.begin(), x.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool good_address(const std::string& x) {
  return x.rfind("http://", 0) == 0 || x.rfind("https://", 0) == 0 || x.rfind("unix://", 0) == 0;
}

/// Whether a key begins in that line, at the left edge.
bool begins_key(const std::string& line, std::string_view key) {
  return line.rfind(std::string{key} + ':', 0) == 0;
}

} // namespace

void decode_contexts(const value_reader& in, const std::filesystem::path& base, value_at x, const field_path& path,
                     std::map<std::string, context_settings>& out) {
  static const names known = {"address", "token_file", "ca"};
  const field_reader fields{in, base};
  std::vector<spec::map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  for (const auto& entry : entries) {
    if (entry.key.type != spec::yaml::scalar_type::text || !good_context_name(entry.key.text)) {
      fields.error(entry.key_place, path, "the name of a context has letters, digits, '-', '_' and '.', at most 63",
                   "put it in quotes if it looks like a number");
      continue;
    }
    auto& one = out[entry.key.text];
    const auto at = path.field(entry.key.text);
    (void)each_field(in, entry.value, at, known, {"address"}, [&](auto key, value_at v, const field_path& where) {
      if (key == "token_file") {
        fields.file(v, where, one.token_file);
      } else if (key == "ca") {
        fields.file(v, where, one.ca);
      } else if (in.text(v, where, one.address, spec::numbers::refuse) && !good_address(one.address)) {
        fields.error(v.place, where, "expected http://host:port, https://host:port or unix:///path");
      }
    });
  }
}

std::string with_contexts(const std::string& text, const client_settings& x) {
  std::string out;
  bool skipping = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool inside = line.empty() || line[0] == ' ' || line[0] == '\t' || (line[0] == '#' && skipping);
    skipping = begins_key(line, "contexts") || begins_key(line, "current_context") || (skipping && inside);
    if (!skipping)
      out += line + '\n';
  }
  if (x.contexts.empty())
    return out;
  out += "contexts:\n";
  for (const auto& [name, one] : x.contexts) {
    out += "  " + in_quotes(name) + ":\n    address: " + in_quotes(one.address) + '\n';
    if (!one.token_file.empty())
      out += "    token_file: " + in_quotes(one.token_file.string()) + '\n';
    if (!one.ca.empty())
      out += "    ca: " + in_quotes(one.ca.string()) + '\n';
  }
  if (!x.current.empty())
    out += "current_context: " + in_quotes(x.current) + '\n';
  return out;
}

} // namespace muster::config
