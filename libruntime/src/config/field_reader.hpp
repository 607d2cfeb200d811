#pragma once

#include "muster/base/time.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/quantity.hpp"
#include "spec/decode.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::config {

using names = std::vector<std::string_view>;
using spec::field_path;
using spec::value_at;
using spec::value_reader;

/// Reads values as configuration files have them; each function reports what is wrong and leaves `out` as it was then.
class field_reader {
public:
  field_reader(const value_reader& in, std::filesystem::path base) : in_(in), base_(std::move(base)) {}

  void error(spec::yaml::mark place, const field_path& path, std::string message, std::string hint = {}) const {
    in_.report().error(place, path, std::move(message), std::move(hint));
  }

  bool choice(value_at x, const field_path& path, std::string& out, const names& of) const {
    std::string text;
    if (!in_.text(x, path, text, spec::numbers::refuse))
      return false;
    if (std::find(of.begin(), of.end(), text) != of.end()) {
      out = text;
      return true;
    }
    std::string listed;
    for (const auto one : of)
      listed += (listed.empty() ? "" : one == of.back() ? " or " : ", ") + std::string{one};
    error(x.place, path, "expected " + listed + ", found '" + text.substr(0, 80) + "'");
    return false;
  }

  template <class Number>
  void number(value_at x, const field_path& path, std::int64_t least, std::int64_t most, Number& out) const {
    std::int64_t value = 0;
    if (!in_.integer(x, path, value))
      return;
    if (value < least || value > most)
      error(x.place, path,
            "expected " + std::to_string(least) + " to " + std::to_string(most) + ", found " + std::to_string(value));
    else
      out = static_cast<Number>(value);
  }

  void bytes(value_at x, const field_path& path, std::int64_t& out) const {
    std::string text;
    if (!in_.text(x, path, text, spec::numbers::as_text))
      return;
    const auto value = spec::parse_bytes(text);
    if (!value)
      error(x.place, path, value.failure().message);
    else if (*value < 1)
      error(x.place, path, "expected an amount of memory such as 64Mi, found '" + text + "'");
    else if (*value > spec::most_bytes)
      error(x.place, path, "expected at most " + spec::bytes_text(spec::most_bytes) + ", found '" + text + "'");
    else
      out = *value;
  }

  void file(value_at x, const field_path& path, std::filesystem::path& out) const {
    std::string text;
    if (!in_.text(x, path, text, spec::numbers::refuse))
      return;
    if (text.empty() || text.find('\0') != std::string::npos)
      error(x.place, path, "expected the path of a file");
    else
      out = (base_ / text).lexically_normal();
  }

  /// Absolute paths of the host.
  void host_paths(value_at x, const field_path& path, std::vector<std::filesystem::path>& out) const {
    std::vector<value_at> items;
    if (!in_.list(x, path, items))
      return;
    for (std::size_t i = 0; i < items.size(); ++i) {
      std::string text;
      if (!in_.text(items[i], path.item(i), text, spec::numbers::refuse))
        continue;
      if (text.empty() || text.front() != '/' || text.find('\0') != std::string::npos)
        error(items[i].place, path.item(i), "expected an absolute path of the host, found '" + text + "'");
      else
        out.push_back(std::filesystem::path{text}.lexically_normal());
    }
  }

  /// A time of a second or more.
  void seconds(value_at x, const field_path& path, duration& out) const {
    std::string text;
    if (!in_.text(x, path, text, spec::numbers::refuse))
      return;
    const auto read = spec::parse_duration(text);
    if (!read)
      error(x.place, path, read.failure().message);
    else if (*read < std::chrono::seconds{1})
      error(x.place, path, "expected at least 1s");
    else if (*read > spec::longest_time)
      error(x.place, path, "expected at most " + spec::to_string(spec::longest_time) + ", found '" + text + "'");
    else
      out = *read;
  }

  /// What specs may ask of the host: `out` has the members of `host_permissions`.
  template <class Permissions>
  void permissions(value_at x, const field_path& path, Permissions& out) const {
    static const names known = {"privileged", "host_network", "mounts"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "privileged")
        (void)in_.boolean(v, where, out.privileged);
      else if (key == "host_network")
        (void)in_.boolean(v, where, out.host_network);
      else
        host_paths(v, where, out.mounts);
    });
  }

protected:
  const value_reader& in_;
  std::filesystem::path base_;
};

} // namespace muster::config
