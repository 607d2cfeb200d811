#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace muster {

/// Finds out whether something accepts connections at `host` and `port`, within `limit` whatever the network does:
/// CAF connects with a blocking call, which a network that answers nothing keeps for minutes. Returns the address of
/// this machine by which it is reached. `unavailable` says what went wrong.
[[nodiscard]] result<std::string> probe_head(const std::string& host, std::uint16_t port,
                                             std::chrono::milliseconds limit);

/// Where tasks on other nodes reach those here, if this machine reaches the head by `towards_head`. Empty on loopback:
/// then all nodes are on one machine, and tasks have addresses of their own. `invalid_argument` where it is no IPv4
/// address, by which alone members of groups find each other.
[[nodiscard]] result<std::string> address_for_tasks(const std::string& towards_head);

} // namespace muster
