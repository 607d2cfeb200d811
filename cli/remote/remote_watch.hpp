#pragma once

#include "cli/remote/remote_logs.hpp"
#include "gateway/client/api.hpp"
#include "muster/store/records.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace muster::cli {

/// What a watch of a workflow on a head passes on.
struct remote_watch_handler {
  std::function<void(const store::named_event&)> on_event;
  log_sink on_line;                                    ///< Empty: logs are not read.
  std::function<bool()> tick;                          ///< About ten times a second; false ends the watch.
  std::function<void(const client::problem&)> on_lost; ///< The head is away, and tried again.
};

/// Which logs a watch reads.
struct remote_watch_filter {
  std::string task; ///< Empty: of all. Else the watch ends with this task, or with its attempt.
  std::optional<std::uint32_t> attempt;
  std::string only; ///< `stdout`, `stderr` or empty.
  /// Attempts of which everything was told before: their ends may still come as events.
  std::set<std::pair<std::string, std::uint32_t>> told;
};

/// Follows one workflow on a head until it has ended: its events in order, and the logs of its attempts as they grow. A
/// task's output comes before the event of its end. Survives lost connections and restarts of the head. `events` and
/// `others` are two ways to the same head: one is busy with the stream. Returns the final status; none if `tick` ended
/// it, or the task that alone is read.
[[nodiscard]] client::outcome<std::optional<status>>
watch_on_head(client::api& events, client::api& others, const std::string& workflow, std::uint64_t after,
              const remote_watch_filter& filter, const remote_watch_handler& handler, remote_logs* logs = nullptr);

} // namespace muster::cli
