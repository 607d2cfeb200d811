#include "executors/docker/engine/timestamps.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace muster::docker {

namespace {

/// Reads fixed-width numbers from the front of a text.
class reader {
public:
  explicit reader(std::string_view text) : text_(text) {}

  bool number(std::size_t digits, std::int64_t low, std::int64_t high, std::int64_t& to) {
    if (text_.size() < digits)
      return false;
    to = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (text_[i] < '0' || text_[i] > '9')
        return false;
      to = to * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(digits);
    return to >= low && to <= high;
  }
  bool sign(char c) {
    if (text_.empty() || text_.front() != c)
      return false;
    text_.remove_prefix(1);
    return true;
  }
  /// One to nine decimals, as nanoseconds.
  bool decimals(std::int64_t& nanos) {
    nanos = 0;
    std::int64_t unit = 100'000'000;
    std::size_t count = 0;
    for (; count < text_.size() && text_[count] >= '0' && text_[count] <= '9'; ++count, unit /= 10)
      nanos += (text_[count] - '0') * unit;
    text_.remove_prefix(count);
    return count >= 1 && count <= 9;
  }
  [[nodiscard]] bool done() const noexcept { return text_.empty(); }

private:
  std::string_view text_;
};

constexpr bool is_leap(std::int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

constexpr std::int64_t days_in(std::int64_t year, std::int64_t month) {
  constexpr std::array<std::int64_t, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[static_cast<std::size_t>(month - 1)] + (month == 2 && is_leap(year) ? 1 : 0);
}

/// Days since 1970-01-01 of a date of the Gregorian calendar from then on.
constexpr std::int64_t days_since_epoch(std::int64_t year, std::int64_t month, std::int64_t day) {
  const auto before = year - 1;
  std::int64_t days = (before * 365 + before / 4 - before / 100 + before / 400) - 719'162;
  for (std::int64_t m = 1; m < month; ++m)
    days += days_in(year, m);
  return days + day - 1;
}

bool read_zone(reader& in, std::int64_t& offset) {
  offset = 0;
  if (in.sign('Z'))
    return true;
  const bool east = in.sign('+');
  if (!east && !in.sign('-'))
    return false;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!in.number(2, 0, 23, hours) || !in.sign(':') || !in.number(2, 0, 59, minutes))
    return false;
  offset = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
  return true;
}

constexpr std::int64_t nanos_per_second = 1'000'000'000;

} // namespace

std::optional<nano_timestamp> parse_timestamp(std::string_view text) {
  reader in(text);
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t nanos = 0;
  std::int64_t offset = 0;
  if (!in.number(4, 1970, 2261, year) || !in.sign('-') || !in.number(2, 1, 12, month) || !in.sign('-') ||
      !in.number(2, 1, days_in(year, month), day) || !in.sign('T') || !in.number(2, 0, 23, hour) || !in.sign(':') ||
      !in.number(2, 0, 59, minute) || !in.sign(':') || !in.number(2, 0, 60, second))
    return std::nullopt;
  if (in.sign('.') && !in.decimals(nanos))
    return std::nullopt;
  if (!read_zone(in, offset) || !in.done())
    return std::nullopt;
  const auto seconds = days_since_epoch(year, month, day) * 86'400 + hour * 3600 + minute * 60 + second - offset;
  if (seconds < 0)
    return std::nullopt;
  return nano_timestamp{std::chrono::nanoseconds{seconds * nanos_per_second + nanos}};
}

std::string to_rfc3339(nano_timestamp at) {
  const auto total = at.time_since_epoch().count();
  const auto seconds = total >= 0 ? total / nanos_per_second : (total - nanos_per_second + 1) / nanos_per_second;
  const std::time_t clock = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&clock, &parts);
  std::array<char, 64> buffer{};
  const auto size = std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ",
                                  parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                                  parts.tm_sec, static_cast<long long>(total - seconds * nanos_per_second));
  return {buffer.data(), static_cast<std::size_t>(size)};
}

std::string to_query(nano_timestamp at) {
  const auto total = at.time_since_epoch().count();
  std::array<char, 48> buffer{};
  const auto size =
      std::snprintf(buffer.data(), buffer.size(), "%lld.%09lld", static_cast<long long>(total / nanos_per_second),
                    static_cast<long long>(total % nanos_per_second));
  return {buffer.data(), static_cast<std::size_t>(size)};
}

std::optional<stamped_text> split_timestamp(std::string_view record) {
  // The longest that there is: nine decimals and an offset.
  constexpr std::size_t longest = 35;
  const auto blank = record.substr(0, longest + 1).find(' ');
  if (blank == std::string_view::npos)
    return std::nullopt;
  const auto at = parse_timestamp(record.substr(0, blank));
  if (!at)
    return std::nullopt;
  return stamped_text{*at, record.substr(blank + 1)};
}

} // namespace muster::docker
