#pragma once

#include "muster/base/time.hpp"
#include "muster/event/event.hpp"

#include <string>
#include <string_view>

namespace muster {

/// The names that an event's numbers stand for; empty where the type has none.
struct event_names {
  std::string_view workflow; ///< Id, `<name>-<n>`.
  std::string_view group;
  std::string_view task;
};

/// The event as one line of JSON, without a line feed. Fields, in this order, those that do not apply left out: `seq`,
/// `time` (RFC 3339), `type`, `workflow`, `group`, `task`, `attempt`, `status`, `exit_code`, `reason`, `node`,
/// `address`, `gpus`. Names of fields never change. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json(const event& x, const event_names& names);

/// `2026-11-21T03:04:05.006Z`: RFC 3339 in UTC, always with milliseconds, rounded down. All times of the API are so.
[[nodiscard]] std::string to_rfc3339(timestamp time);

} // namespace muster
