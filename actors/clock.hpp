#pragma once

#include "actors/protocol/type_ids.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <map>
#include <utility>

namespace muster {

/// What is due later than that is never due: points of time are counted in nanoseconds, which end after 292 years.
constexpr std::chrono::microseconds longest_delay = std::chrono::hours{24} * 365 * 100;

/// State of the CLOCK: timers by the time at which they are due.
struct clock_state {
  static inline const char* name = "clock";
  using time_point = caf::actor_clock::time_point;
  /// GROUP's actor id and the timer's generation.
  using key = std::pair<std::uint64_t, std::uint32_t>;

  struct timer {
    key who;
    group_actor target;
    std::uint8_t kind = 0;
    task_index task;
  };

  std::multimap<time_point, timer> due;
  std::map<key, std::multimap<time_point, timer>::iterator> by_key;
  time_point next_tick = time_point::max(); ///< The earliest tick that is on its way.
};

/// One per runtime. Pending timers cost memory until they fire or are taken back.
clock_actor::behavior_type clock(clock_actor::stateful_pointer<clock_state> self);

} // namespace muster
