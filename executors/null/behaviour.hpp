#pragma once

#include "executors/null/null_driver.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace muster::null {

/// What one attempt of the null driver does.
struct behaviour {
  duration preparation{};
  duration run{};
  std::int32_t code = 0;
  std::int32_t signal = 0;
  bool stubborn = false;
  std::string fail_prepare; ///< Empty: does not fail; likewise below.
  std::string fail_start;
  std::string lost;
  std::string result; ///< JSON; empty for none.
  std::string result_problem;
};

/// `250ms`, `1.5s`: a number with a unit; nothing if the text is no such thing or is negative.
[[nodiscard]] std::optional<duration> parse_span(std::string_view text);

/// The behaviour that `config` and the environment of the task ask for. Fails with `invalid_argument`.
[[nodiscard]] result<behaviour> read_behaviour(const null_config& config, const attempt_spec& spec);

} // namespace muster::null
