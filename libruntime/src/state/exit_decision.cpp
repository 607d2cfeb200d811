#include "muster/state/exit_decision.hpp"

#include "muster/spec/exit_words.hpp"

#include <optional>

namespace muster {

namespace {

std::optional<spec::exit_action> match(const std::vector<spec::exit_rule>& rules, std::int64_t code) {
  for (const auto& rule : rules)
    for (const auto& range : rule.codes)
      if (range.first <= code && code <= range.last)
        return rule.action;
  return std::nullopt;
}

exit_decision changed(status before, status after, spec::exit_action action, std::int64_t code) {
  if (before == after)
    return {after, {}};
  return {after,
          std::string{"Exit Action: "} + to_string(action) + " the task for exit code " + std::to_string(code) + '.'};
}

} // namespace

exit_decision decide_exit(status before, std::int64_t code, const std::vector<spec::exit_rule>& rules,
                          const std::vector<spec::exit_rule>& pool_rules, std::uint32_t attempt,
                          std::uint32_t max_retries) {
  auto action = match(rules, code);
  if (!action)
    action = match(pool_rules, code);
  if (!action)
    return {before, {}};
  switch (*action) {
    case spec::exit_action::complete: return changed(before, status::completed, *action, code);
    case spec::exit_action::fail: return changed(before, status::failed, *action, code);
    case spec::exit_action::reschedule:
      if (attempt < max_retries)
        return changed(before, status::rescheduled, *action, code);
      return {before, "No exit action applied due to retry limit " + std::to_string(max_retries) + '.'};
  }
  return {before, {}};
}

} // namespace muster
