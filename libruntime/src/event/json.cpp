#include "muster/event/json.hpp"

#include "muster/base/utf8.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace muster {

namespace {

void append_escaped_utf8(std::string& out, std::string_view text) {
  static constexpr std::string_view hex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (byte < 0x20 || byte == 0x7f)
      ((out += "\\u00") += hex[byte >> 4U]) += hex[byte & 15U];
    else
      out += c;
  }
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto good = first_invalid_utf8(text);
    append_escaped_utf8(out, text.substr(0, good));
    if (good == text.size())
      return;
    out += "\xef\xbf\xbd";
    text.remove_prefix(good + 1);
  }
}

void add(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty())
    return;
  ((out += ",\"") += key) += "\":\"";
  append_escaped(out, value);
  out += '"';
}

template <class Integer>
void add_number(std::string& out, std::string_view key, Integer value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  ((out += '"') += key) += "\":";
  out.append(digits.data(), end);
}

} // namespace

std::string to_rfc3339(timestamp time) {
  constexpr std::int64_t second = 1'000'000;
  const auto count = time.time_since_epoch().count();
  // Rounds down, also before 1970; chrono's own floor overflows at the ends of the range.
  const auto rest = static_cast<int>((count % second + second) % second / 1000);
  const auto clock = static_cast<std::time_t>(count / second - (count % second < 0 ? 1 : 0));
  std::tm fields{};
  if (gmtime_r(&clock, &fields) == nullptr)
    return "0000-00-00T00:00:00.000Z";
  std::array<char, 96> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", fields.tm_year + 1900,
                                 fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, rest);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string to_json(const event& x, const event_names& names) {
  std::string out;
  out.reserve(256);
  out += '{';
  add_number(out, "seq", x.seq.value);
  add(out, "time", to_rfc3339(x.time));
  add(out, "type", to_string(x.type));
  add(out, "workflow", names.workflow);
  add(out, "group", names.group);
  add(out, "task", names.task);
  if (x.type == event_type::task_status)
    add_number(out += ',', "attempt", x.attempt);
  if (x.status != status::unspecified)
    add(out, "status", to_string(x.status));
  if (x.exit_code != no_exit_code)
    add_number(out += ',', "exit_code", x.exit_code);
  add(out, "reason", x.text);
  add(out, "node", x.node);
  add(out, "address", x.address);
  add(out, "gpus", x.gpus);
  out += '}';
  return out;
}

} // namespace muster
