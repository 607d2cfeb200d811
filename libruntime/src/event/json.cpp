#include "muster/event/json.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace muster {

namespace {

/// Length of the UTF-8 sequence at the start of `text`, or 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const auto lead = at(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool good = (lead != 0xe0 || at(1) >= 0xa0) && (lead != 0xed || at(1) <= 0x9f);
    return good && tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool good = (lead != 0xf0 || at(1) >= 0x90) && (lead != 0xf4 || at(1) <= 0x8f);
    return good && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view hex = "0123456789abcdef";
  while (!text.empty()) {
    const auto size = utf8_length(text);
    const char c = text.front();
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      ((out += "\\u00") += hex[static_cast<unsigned char>(c) >> 4U]) += hex[static_cast<unsigned char>(c) & 15U];
    else
      out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
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
  using namespace std::chrono;
  const auto whole = floor<seconds>(time);
  const auto rest = static_cast<int>((time - whole).count());
  const auto clock = static_cast<std::time_t>(whole.time_since_epoch().count());
  std::tm fields{};
  if (gmtime_r(&clock, &fields) == nullptr)
    return "0000-00-00T00:00:00.000000Z";
  std::array<char, 96> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", fields.tm_year + 1900,
                                 fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, rest);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string to_json(const event& x, const event_names& names) {
  const bool of_task = x.type == event_type::task_status;
  std::string out;
  out.reserve(256);
  out += '{';
  add_number(out, "seq", x.seq.value);
  add(out, "time", to_rfc3339(x.time));
  add(out, "type", to_string(x.type));
  add(out, "workflow", names.workflow);
  add(out, "group", names.group);
  add(out, "task", names.task);
  if (of_task)
    add_number(out += ',', "attempt", x.attempt);
  if (x.status != status::unspecified)
    add(out, "status", to_string(x.status));
  if (x.exit_code != no_exit_code)
    add_number(out += ',', "exit_code", x.exit_code);
  add(out, "reason", x.text);
  add(out, "node", x.node);
  add(out, "address", x.address);
  out += '}';
  return out;
}

} // namespace muster
