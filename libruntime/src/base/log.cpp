#include "muster/base/log.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>

namespace muster::log {

namespace {

/// What `muster run` and programs that link libmuster get: what must be told, and nothing else.
class stderr_sink final : public sink {
public:
  void write(const record& x) noexcept override {
    if (x.level < level::warn)
      return;
    try {
      std::string line = "muster: ";
      line += x.message;
      append_logfmt(line, x.fields, x.count);
      line += '\n';
      std::fwrite(line.data(), 1, line.size(), stderr);
    } catch (const std::exception&) {
      // Without memory for a line there is none.
    }
  }
};

/// The one place that knows where logs go: every thread of the process may log, also while it ends.
struct state {
  std::mutex mutex;
  std::shared_ptr<const levels> now = std::make_shared<const levels>();
  std::shared_ptr<sink> target = std::make_shared<stderr_sink>();
  std::atomic<std::uint8_t> least{static_cast<std::uint8_t>(level::info)};
};

state& shared() {
  // Never freed: threads of libraries may log after the statics are gone.
  static auto* x = std::make_unique<state>().release();
  return *x;
}

level level_of(const levels& x, std::string_view component) {
  if (!x.components.empty())
    if (const auto found = x.components.find(component); found != x.components.end())
      return found->second;
  return x.general;
}

bool is_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 7> words{"token",         "secret", "password",   "passwd",
                                                         "authorization", "cookie", "private_key"};
  return std::find(words.begin(), words.end(), key) != words.end();
}

bool needs_quotes(std::string_view x) {
  return x.empty() || std::any_of(x.begin(), x.end(), [](unsigned char c) {
           return c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F || c >= 0x80;
         });
}

/// The escapes that JSON has are good for logfmt as well.
void append_escaped(std::string& out, std::string_view x) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  while (!x.empty()) {
    const auto good = first_invalid_utf8(x);
    for (const char c : x.substr(0, good)) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (c == '\n') {
        out += "\\n";
      } else if (c == '\t') {
        out += "\\t";
      } else if (c == '\r') {
        out += "\\r";
      } else if (byte < 0x20 || byte == 0x7F) {
        out += "\\u00";
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
      } else {
        out += c;
      }
    }
    if (good == x.size())
      break;
    out += "\xEF\xBF\xBD"; // U+FFFD
    x.remove_prefix(good + 1);
  }
  out += '"';
}

void write_record(level x, std::string_view component, std::string_view message, const field* fields,
                  std::size_t count) noexcept {
  if (!wanted(component, x))
    return;
  try {
    std::shared_ptr<sink> target;
    {
      const std::lock_guard lock{shared().mutex};
      target = shared().target;
    }
    target->write({x, component, message, fields, count});
  } catch (const std::exception&) {
    // A log that cannot be written must not end what it tells of.
  }
}

} // namespace

std::string_view to_string(level x) noexcept {
  switch (x) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warn: return "warn";
    case level::error: return "error";
    case level::off: return "off";
  }
  return "off";
}

std::optional<level> parse_level(std::string_view text) noexcept {
  for (const auto x : {level::debug, level::info, level::warn, level::error, level::off})
    if (text == to_string(x))
      return x;
  return std::nullopt;
}

field::field(std::string_view k, double v) : key(k), type(kind::number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.3f", v);
  value = text.data();
  if (value.find_first_of("ni") != std::string::npos) // nan, inf: no numbers of JSON
    type = kind::text;
}

void install(std::shared_ptr<sink> x) {
  if (!x)
    x = std::make_shared<stderr_sink>();
  const std::lock_guard lock{shared().mutex};
  shared().target.swap(x);
}

const std::vector<std::string_view>& components() {
  static const std::vector<std::string_view> all{
      "agent",    "api",  "auth",     "cache",     "config",  "docker",    "events", "fleet",   "http",  "journal",
      "monitors", "pool", "registry", "retention", "runtime", "scheduler", "serve",  "service", "store", "webhooks"};
  return all;
}

levels current_levels() {
  const std::lock_guard lock{shared().mutex};
  return *shared().now;
}

result<void> set_levels(levels x) {
  const auto unknown = std::find_if(x.components.begin(), x.components.end(), [](const auto& one) {
    return std::find(components().begin(), components().end(), one.first) == components().end();
  });
  if (unknown != x.components.end()) {
    std::string all;
    for (const auto known : components())
      all.append(all.empty() ? "" : ", ").append(known);
    return {ec::invalid_argument, "there is no component '" + unknown->first + "'; there are " + all};
  }
  auto least = x.general;
  for (const auto& [ignored, one] : x.components)
    least = std::min(least, one);
  auto next = std::make_shared<const levels>(std::move(x));
  const std::lock_guard lock{shared().mutex};
  shared().now = std::move(next);
  shared().least.store(static_cast<std::uint8_t>(least), std::memory_order_relaxed);
  return {};
}

bool wanted(std::string_view component, level x) noexcept {
  if (static_cast<std::uint8_t>(x) < shared().least.load(std::memory_order_relaxed))
    return false;
  std::shared_ptr<const levels> now;
  {
    const std::lock_guard lock{shared().mutex};
    now = shared().now;
  }
  return x >= level_of(*now, component) && x != level::off;
}

void write(level x, std::string_view component, std::string_view message,
           std::initializer_list<field> fields) noexcept {
  write_record(x, component, message, fields.begin(), fields.size());
}

void write(level x, std::string_view component, std::string_view message, const std::vector<field>& fields) noexcept {
  write_record(x, component, message, fields.data(), fields.size());
}

void append_logfmt(std::string& out, const field* fields, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto& x = fields[i];
    out += ' ';
    out += x.key;
    out += '=';
    if (is_secret(x.key))
      out += "[hidden]";
    else if (needs_quotes(x.value))
      append_escaped(out, x.value);
    else
      out += x.value;
  }
}

void append_json(std::string& out, const field* fields, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto& x = fields[i];
    out += ',';
    append_escaped(out, x.key);
    out += ':';
    if (is_secret(x.key))
      out += "\"[hidden]\"";
    else if (x.type == field::kind::text)
      append_escaped(out, x.value);
    else
      out += x.value;
  }
}

void append_json_text(std::string& out, std::string_view x) {
  append_escaped(out, x);
}

} // namespace muster::log
