#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the program says of itself while it runs, by component. Whoever logs knows neither where it goes nor in what
/// form: `muster serve` installs a sink that writes lines of logfmt or JSON; without one, warnings and errors go to
/// stderr.
///
/// A message is a verb phrase without a final period; ids go into fields: `log::info("registry", "workflow accepted",
/// {{"workflow", id}})`. No secret belongs into either; fields named as one are never written.
namespace muster::log {

enum class level : std::uint8_t { debug = 1, info = 2, warn = 3, error = 4, off = 5 };

/// `debug`, `info`, `warn`, `error`, `off`.
[[nodiscard]] std::string_view to_string(level x) noexcept;
[[nodiscard]] std::optional<level> parse_level(std::string_view text) noexcept;

/// One named value of a record.
struct field {
  enum class kind : std::uint8_t { text, number, boolean };

  field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  field(std::string_view k, std::string_view v) : key(k), value(v) {}
  field(std::string_view k, const char* v) : key(k), value(v) {}
  field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), type(kind::boolean) {}
  field(std::string_view k, int v) : key(k), value(std::to_string(v)), type(kind::number) {}
  field(std::string_view k, unsigned v) : key(k), value(std::to_string(v)), type(kind::number) {}
  field(std::string_view k, long v) : key(k), value(std::to_string(v)), type(kind::number) {}
  field(std::string_view k, unsigned long v) : key(k), value(std::to_string(v)), type(kind::number) {}
  field(std::string_view k, unsigned long long v) : key(k), value(std::to_string(v)), type(kind::number) {}
  /// With three digits after the point: milliseconds, factors.
  field(std::string_view k, double v);

  std::string_view key;
  std::string value;
  kind type = kind::text;
};

/// What a sink is given; everything lives for the time of the call.
struct record {
  log::level level;
  std::string_view component;
  std::string_view message;
  const field* fields;
  std::size_t count;
};

/// Where records go. Called by any thread, by many at once; must neither block on a disk nor throw.
class sink {
public:
  virtual ~sink() = default;
  virtual void write(const record& x) noexcept = 0;
};

/// Records go to `x` from now on; null brings back the one of stderr. The former one lives until no thread uses it.
void install(std::shared_ptr<sink> x);

/// What is written: `general`, but for the components that are named.
struct levels {
  level general = level::info;
  std::map<std::string, level, std::less<>> components;
};

/// The components that log, sorted. Each of `components` above must be one of these.
[[nodiscard]] const std::vector<std::string_view>& components();

/// The levels in force; changed at any time, by any thread. `invalid_argument` for a component that does not exist.
[[nodiscard]] levels current_levels();
[[nodiscard]] result<void> set_levels(levels x);

/// Whether such a record would be written: for who would spend time on making it. Costs one load where it is not.
[[nodiscard]] bool wanted(std::string_view component, level x) noexcept;

/// Writes a record if it is wanted.
void write(level x, std::string_view component, std::string_view message,
           std::initializer_list<field> fields = {}) noexcept;
void write(level x, std::string_view component, std::string_view message, const std::vector<field>& fields) noexcept;

inline void debug(std::string_view component, std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::debug, component, message, fields);
}
inline void info(std::string_view component, std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::info, component, message, fields);
}
inline void warn(std::string_view component, std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::warn, component, message, fields);
}
inline void error(std::string_view component, std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::error, component, message, fields);
}

// -- for sinks

/// ` key=value ...` of the fields, each with a space before it; values in quotes where they need them, control
/// characters escaped. A field that is named like a secret is shown as `[hidden]`.
void append_logfmt(std::string& out, const field* fields, std::size_t count);
/// `,"key":value...`; values as numbers and booleans where they are, bytes that are no UTF-8 replaced.
void append_json(std::string& out, const field* fields, std::size_t count);
/// `x` as a JSON string with its quotes.
void append_json_text(std::string& out, std::string_view x);

} // namespace muster::log
