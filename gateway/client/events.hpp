#pragma once

#include "gateway/client/api.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::client {

/// Which events are followed.
struct event_request {
  /// Begin behind the event of this number; nothing: with the first one that there still is.
  std::optional<std::uint64_t> after;
  std::vector<std::pair<std::string, std::string>> filters; ///< `workflow`, `group`, `task`, `type`.
};

/// What a follower is told.
struct event_handler {
  /// Each event once and in order, as its line of JSON; false ends it.
  std::function<bool(std::uint64_t seq, std::string_view json)> on_event;
  /// Everything up to this number has been told.
  std::function<void(std::uint64_t seq)> on_bookmark;
  /// Called about ten times a second; false ends it.
  on_tick tick;
  /// The head is gone for now; it is tried again. May be empty.
  std::function<void(const problem&)> on_lost;
};

/// Follows the log of a head, over lost connections and restarts of it, without gaps and without telling anything
/// twice. Returns `stopped` when the caller wants no more, or else the problem that trying again cannot help: `gone`
/// (410) with the earliest number in its body, no token, a head that stays away for `patience`.
outcome<stream_end> follow_events(api& head, const event_request& what, const event_handler& handler,
                                  std::chrono::milliseconds patience = std::chrono::minutes{5});

} // namespace muster::client
