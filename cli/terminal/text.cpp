#include "cli/terminal/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace muster::cli {

namespace {

template <class... Parts>
std::string format(const char* pattern, Parts... parts) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, parts...);
  return buffer.data();
}

std::string local_time(timestamp x, const char* pattern) {
  const auto seconds = static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(x).time_since_epoch().count());
  std::tm fields{};
  if (::localtime_r(&seconds, &fields) == nullptr)
    return "-";
  std::array<char, 32> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), pattern, &fields)};
}

std::optional<double> seconds_of_unit(std::string_view unit) {
  if (unit.empty() || unit == "s")
    return 1;
  if (unit == "ms")
    return 0.001;
  if (unit == "m")
    return 60;
  if (unit == "h")
    return 3600;
  if (unit == "d")
    return 86400;
  return std::nullopt;
}

/// The second byte of a C1 control, as UTF-8 writes it.
bool is_c1(char x) {
  const auto byte = static_cast<unsigned char>(x);
  return byte >= 0x80 && byte < 0xa0;
}

constexpr char escape = '\033';

/// Of the control sequence (ECMA-48) or character that `text` begins with; 0 if it begins with none.
std::size_t size_of_control(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte == 0xc2 && text.size() > 1 && is_c1(text[1]))
    return 2;
  if (text.front() != escape)
    return byte < 0x20 || byte == 0x7f ? 1 : 0;
  if (text.size() == 1)
    return 1;
  constexpr std::string_view with_text = "]P_^X"; // A title, for example.
  if (with_text.find(text[1]) != std::string_view::npos) {
    const auto end = text.find_first_of("\a\033", 2);
    if (end == std::string_view::npos)
      return text.size();
    return text[end] == escape ? std::min(end + 2, text.size()) : end + 1;
  }
  if (text[1] != '[') { // ESC ( B, for example.
    const auto last = text.find_first_not_of(" !\"#$%&'()*+,-./", 1);
    const bool is_whole = last != std::string_view::npos && text[last] >= '0' && text[last] <= '~';
    return is_whole ? last + 1 : 1;
  }
  const auto is_last = [](char c) { return c >= '@' && c <= '~'; };
  const auto* const end = std::find_if(text.begin() + 2, text.end(), is_last);
  return end == text.end() ? text.size() : static_cast<std::size_t>(end - text.begin()) + 1;
}

bool sets_color(std::string_view control) {
  return control.size() > 2 && control[1] == '[' && control.back() == 'm' &&
         control.find_first_not_of("0123456789;:", 2) == control.size() - 1;
}

} // namespace

std::string show_duration(duration x) {
  const auto micros = x.count() < 0 ? 0 : x.count();
  const auto seconds = static_cast<long long>(micros / 1'000'000);
  if (seconds < 10)
    return format("%lld.%llds", seconds, static_cast<long long>(micros / 100'000 % 10));
  if (seconds < 60)
    return format("%llds", seconds);
  if (seconds < 3600)
    return format("%lldm%02llds", seconds / 60, seconds % 60);
  if (seconds < 86400)
    return format("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
  return format("%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
}

std::string show_time(std::optional<timestamp> x) {
  return x ? local_time(*x, "%Y-%m-%d %H:%M:%S") : "-";
}

std::string show_clock(timestamp x) {
  return local_time(x, "%H:%M:%S");
}

std::string show_bytes(std::int64_t bytes) {
  static constexpr std::array<const char*, 7> units{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(amount) >= 1024 && unit + 1 < units.size()) {
    amount /= 1024;
    ++unit;
  }
  return format(amount == std::floor(amount) ? "%.0f%s" : "%.1f%s", amount, units[unit]);
}

std::string count_of(std::uint64_t number, std::string_view noun) {
  return std::to_string(number) + ' ' + std::string(noun) + (number == 1 ? "" : "s");
}

std::string printable(std::string_view text) {
  std::string clean(text);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const auto byte = static_cast<unsigned char>(clean[i]);
    if (byte < 0x20 || byte == 0x7f)
      clean[i] = byte == '\n' || byte == '\t' ? ' ' : '?';
    else if (byte == 0xc2 && i + 1 < clean.size() && is_c1(clean[i + 1]))
      clean[i] = clean[i + 1] = '?';
  }
  return clean;
}

std::string screen_line(std::string_view text) {
  text = text.substr(0, text.find_last_not_of('\r') + 1);
  text = text.substr(text.rfind('\r') + 1); // From the start, if there is none.
  std::string clean;
  bool colored = false;
  while (!text.empty()) {
    if (const auto size = size_of_control(text); size > 0) {
      const auto control = text.substr(0, size);
      const bool is_color = sets_color(control);
      colored = colored || is_color;
      clean += is_color || control == "\t" ? control : "";
      text.remove_prefix(size);
      continue;
    }
    clean += text.front();
    text.remove_prefix(1);
  }
  return colored ? clean + "\033[0m" : clean;
}

std::size_t width_of(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char c : text)
    width += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  return width;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns)
    return std::string(text);
  std::size_t width = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U && ++width >= columns)
      break;
    ++end;
  }
  return columns == 0 ? std::string{} : std::string(text.substr(0, end)) + "…";
}

std::optional<duration> parse_duration(std::string_view text) {
  double total = 0;
  bool bare = false;
  if (text.empty())
    return std::nullopt;
  while (!text.empty()) {
    std::size_t digits = text.find_first_not_of("0123456789.");
    digits = digits == std::string_view::npos ? text.size() : digits;
    std::size_t unit_end = text.find_first_of("0123456789.", digits);
    unit_end = unit_end == std::string_view::npos ? text.size() : unit_end;
    const std::string number(text.substr(0, digits));
    char* end = nullptr;
    const double amount = std::strtod(number.c_str(), &end);
    const auto unit = seconds_of_unit(text.substr(digits, unit_end - digits));
    if (number.empty() || *end != '\0' || !unit || bare)
      return std::nullopt;
    bare = unit_end == digits;
    total += amount * *unit;
    text.remove_prefix(unit_end);
  }
  constexpr double longest = 100.0 * 365 * 86400;
  if (!(total > 0) || total > longest)
    return std::nullopt;
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(total));
}

} // namespace muster::cli
