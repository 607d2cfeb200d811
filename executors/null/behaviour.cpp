#include "executors/null/behaviour.hpp"

#include "executors/data/results.hpp"
#include "muster/spec/tokens.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace muster::null {

namespace {

std::optional<std::int32_t> parse_number(std::string_view text, std::int32_t low, std::int32_t high) {
  std::int32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    return std::nullopt;
  return value;
}

std::string_view nth_of_list(std::string_view list, std::uint32_t n) {
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto comma = list.find(',');
    if (comma == std::string_view::npos)
      break;
    list.remove_prefix(comma + 1);
  }
  return list.substr(0, list.find(','));
}

error bad_value(const std::string& key, const std::string& value, const char* expected) {
  return {ec::invalid_argument, key + " is '" + value + "'; expected " + expected};
}

bool is_ours(const std::string& key) {
  return key.compare(0, 12, "MUSTER_NULL_") == 0;
}

std::string replaced(const std::string& value, const spec::token_values& tokens) {
  return tokens.empty() ? value : spec::substitute(value, tokens);
}

result<void> apply(behaviour& to, const std::string& key, const std::string& value, std::uint32_t attempt) {
  constexpr auto a_span = "a number with us, ms, s, m or h, such as 250ms";
  if (key == "MUSTER_NULL_EXIT") {
    const auto code = parse_number(nth_of_list(value, attempt), 0, 255);
    if (!code)
      return bad_value(key, value, "a code from 0 to 255, or several with commas");
    to.code = *code;
  } else if (key == "MUSTER_NULL_SIGNAL") {
    const auto signal = parse_number(value, 1, 64);
    if (!signal)
      return bad_value(key, value, "a signal number from 1 to 64");
    to.signal = *signal;
    to.code = 128 + *signal;
  } else if (key == "MUSTER_NULL_DURATION" || key == "MUSTER_NULL_PREPARATION") {
    const auto span = parse_span(value);
    if (!span)
      return bad_value(key, value, a_span);
    (key == "MUSTER_NULL_DURATION" ? to.run : to.preparation) = *span;
  } else if (key == "MUSTER_NULL_FAIL_PREPARE") {
    to.fail_prepare = value;
  } else if (key == "MUSTER_NULL_FAIL_START") {
    to.fail_start = value;
  } else if (key == "MUSTER_NULL_LOST") {
    to.lost = value;
  } else if (key == "MUSTER_NULL_STUBBORN") {
    to.stubborn = !value.empty();
  } else if (key == "MUSTER_NULL_RESULT") {
    to.result = value;
  }
  return {};
}

} // namespace

std::optional<duration> parse_span(std::string_view text) {
  const std::string copy{text};
  char* end = nullptr;
  const double amount = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str() || !std::isfinite(amount) || amount < 0 || copy.front() == ' ')
    return std::nullopt;
  const std::string_view unit{end};
  double factor = 0;
  if (unit == "us")
    factor = 1;
  else if (unit == "ms")
    factor = 1e3;
  else if (unit == "s")
    factor = 1e6;
  else if (unit == "m")
    factor = 60e6;
  else if (unit == "h")
    factor = 3600e6;
  if (factor == 0 || amount * factor > 1e15)
    return std::nullopt;
  return duration{static_cast<duration::rep>(amount * factor)};
}

result<behaviour> read_behaviour(const null_config& config, const attempt_spec& spec) {
  behaviour out;
  out.preparation = config.preparation;
  out.run = config.run;
  out.code = config.exit_code;
  for (const auto& [key, value] : spec.environment)
    if (is_ours(key))
      if (const auto read = apply(out, key, value, spec.id.number); !read)
        return read.failure();
  for (const auto& [key, value] : spec.task.environment)
    if (is_ours(key))
      if (const auto read = apply(out, key, replaced(value, spec.tokens), spec.id.number); !read)
        return read.failure();
  if (!out.result.empty()) {
    exit_result checked;
    data::take_result(std::move(out.result), spec.max_result_bytes, checked);
    out.result = std::move(checked.result);
    out.result_problem = std::move(checked.result_problem);
  }
  return out;
}

} // namespace muster::null
