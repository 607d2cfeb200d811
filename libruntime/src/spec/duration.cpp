#include "muster/spec/duration.hpp"

#include "spec/python_number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace muster::spec {

namespace {

constexpr double microseconds_per_day = 86400e6;
constexpr double longest_days = 999'999'999.0; // Python's timedelta ends here, and so does what OSMO accepts.

error not_recognized(std::string_view text) {
  return {ec::invalid_argument,
          "'" + std::string{text.substr(0, 40)} +
              "' is no duration, write a whole number and one of d, h, m, s, ms, us (90s), or ISO "
              "8601 (PT1H30M)"};
}

result<duration> from_microseconds(double count) {
  if (!(std::abs(count) < (longest_days + 1) * microseconds_per_day))
    return {ec::limit_exceeded, "the duration is longer than 999,999,999 days"};
  constexpr auto highest = static_cast<double>(std::numeric_limits<std::int64_t>::max());
  if (count >= highest)
    return duration::max();
  if (count <= -highest)
    return duration::min();
  return duration{static_cast<std::int64_t>(count)};
}

/// `decimal` times `factor` microseconds, exact where 64 bits hold it.
result<duration> scaled(std::string_view decimal, std::int64_t factor) {
  const auto value = saturate(decimal);
  std::int64_t exact = 0;
  if (!__builtin_mul_overflow(value, factor, &exact))
    return from_microseconds(static_cast<double>(exact)).ok() ? result<duration>{duration{exact}}
                                                              : from_microseconds(static_cast<double>(exact));
  const auto wide = python_float(decimal);
  return from_microseconds(wide.value_or(std::numeric_limits<double>::infinity()) * static_cast<double>(factor));
}

std::optional<std::int64_t> unit_factor(std::string_view unit) {
  if (unit == "d")
    return 86'400'000'000;
  if (unit == "h")
    return 3'600'000'000;
  if (unit == "m")
    return 60'000'000;
  if (unit == "s")
    return 1'000'000;
  if (unit == "ms")
    return 1000;
  if (unit == "us")
    return 1;
  return std::nullopt;
}

/// Digits before `unit` at the front of `text`, which are cut off with it. Nothing when they are not there.
std::optional<std::string_view> take(std::string_view& text, char unit, std::string_view set) {
  const auto end = text.find_first_not_of(set);
  if (end == 0 || end == std::string_view::npos || text[end] != unit)
    return std::nullopt;
  const auto digits = text.substr(0, end);
  text.remove_prefix(end + 1);
  return digits;
}

result<duration> parse_iso(std::string_view original) {
  const auto folded = fold_digits(original);
  std::string_view text = folded;
  text.remove_prefix(1);
  if (!text.empty() && text.back() == '\n') // Python's `$` matches before a last newline.
    text.remove_suffix(1);
  constexpr std::string_view digits = "0123456789";
  double sum = 0;
  std::int64_t whole = 0;
  bool overflow = false;
  bool any = false;
  const auto add = [&](std::string_view number, std::int64_t factor) {
    any = true;
    std::int64_t product = 0;
    overflow = overflow || __builtin_mul_overflow(saturate(number), factor, &product) ||
               __builtin_add_overflow(whole, product, &whole);
    sum += python_float(number).value_or(0) * static_cast<double>(factor);
  };
  if (const auto days = take(text, 'D', digits))
    add(*days, 86'400'000'000);
  if (!text.empty() && text.front() == 'T') {
    text.remove_prefix(1);
    if (const auto hours = take(text, 'H', digits))
      add(*hours, 3'600'000'000);
    if (const auto minutes = take(text, 'M', digits))
      add(*minutes, 60'000'000);
    if (const auto seconds = take(text, 'S', "0123456789.")) {
      const auto point = seconds->find('.');
      if (point == 0 || point + 1 == seconds->size() || seconds->find('.', point + 1) < seconds->size())
        return not_recognized(original);
      add(seconds->substr(0, point), 1'000'000);
      if (point != std::string_view::npos) {
        const auto micros = std::nearbyint(python_float("0" + std::string{seconds->substr(point)}).value_or(0) * 1e6);
        whole += overflow ? 0 : static_cast<std::int64_t>(micros);
        sum += micros;
      }
    }
  }
  if (!text.empty() || !any)
    return not_recognized(original);
  auto rounded = from_microseconds(sum);
  return rounded.ok() && !overflow ? result<duration>{duration{whole}} : rounded;
}

} // namespace

result<duration> parse_duration(std::string_view text) {
  if (!text.empty() && text.front() == 'P')
    return parse_iso(text);
  if (text.empty())
    return not_recognized(text);
  const auto tail = text.size() >= 3 ? text.substr(text.size() - 2) : std::string_view{};
  const std::size_t unit_size = tail == "ms" || tail == "us" ? 2 : 1;
  const auto factor = unit_factor(text.substr(text.size() - unit_size));
  const auto number = python_int(text.substr(0, text.size() - unit_size));
  if (!factor || !number)
    return not_recognized(text);
  return scaled(*number, *factor);
}

result<duration> duration_from_seconds(double seconds) {
  if (!std::isfinite(seconds))
    return {ec::invalid_argument, "a duration must be finite"};
  const auto whole = std::trunc(seconds);
  return from_microseconds(whole * 1e6 + std::nearbyint((seconds - whole) * 1e6));
}

std::string to_string(duration x) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 5> units = {
      {{86'400'000'000, "d"}, {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}, {1000, "ms"}}};
  const auto count = x.count();
  if (count == 0)
    return "0s";
  for (const auto& [size, name] : units)
    if (count % size == 0)
      return std::to_string(count / size) + name;
  return std::to_string(count) + "us";
}

} // namespace muster::spec
