#pragma once

#include "actors/context.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <optional>
#include <string>
#include <vector>

namespace muster {

/// What a GROUP takes up after a restart.
struct group_restore {
  std::vector<recorded_member> members; ///< In the order of the plan.
  std::vector<placed_member> places;    ///< Likewise; of the newest attempts, where they have one.
  group_clocks clocks;
  std::optional<stop_purpose> stopping; ///< What attempts of it were told to end for.
  /// It was to be cancelled, and why. What is known of its attempts is told by others, at once: a message that says so
  /// might come behind the end of an attempt that was killed for it.
  std::optional<std::string> cancel;
};

/// State of a GROUP: its machine, and what the machine does not need to know.
struct group_state {
  static inline const char* name = "group";
  context_ptr context;
  group_index index;
  workflow_actor workflow;
  task_range range;
  std::optional<group_machine> machine;
  std::vector<caf::actor_clock::time_point> prepared; ///< One per member, of a gang: when it was; zero before.
  std::vector<task_actor> tasks;                      ///< One per member; spawned when first placed.
  std::vector<placed_member> places;                  ///< One per member; where its newest attempt is or will be.
  std::vector<bool> adopted;                          ///< One per member: its node knows it by an earlier lease.
  std::vector<task_index> asked;                      ///< Members of the placement request that is open.
  peer_map peers;
  event_list unsent; ///< Records of the effects being carried out.
  extras_ptr extras;
  std::vector<std::string> results;    ///< One per member: what its newest attempt gave.
  std::vector<task_attempt> to_remove; ///< Have ended; wait for the commit that says so.
  std::uint32_t open_commits = 0;      ///< Requests to the JOURNAL that are not answered.
  /// In a group of two or more nothing starts before it is durable where its members are: a later runtime must know
  /// the addresses that those it finds running were told.
  std::vector<task_attempt> held_starts;
  std::uint32_t open_places = 0; ///< Those of `open_commits` that starts wait for.
  bool places_unsent = false;    ///< `unsent` says where members are.
  bool record_first = false;     ///< See `lease`.
  /// What is to be sent when it is durable where: an attempt, and with how much grace it was to be stopped meanwhile.
  struct held_prepare {
    effect::prepare what;
    std::optional<duration> grace;
  };
  std::vector<held_prepare> held_prepares;
  /// Nobody is told to end before it is durable what for: a later runtime would take that for a failure.
  std::vector<effect::stop> held_stops;
  service_change_ptr stop_note;               ///< To be written down.
  std::uint32_t open_notes = 0;               ///< Are being written down.
  bool has_stop_note = false;                 ///< Something was, and may have come true.
  bool hands_on = false;                      ///< Its place may be another's as soon as its attempt has run and ended.
  std::optional<std::uint32_t> placed_before; ///< The attempt for which places were asked last.
  bool finished = false;
  bool said_running = false;
  /// Where members could not be prepared since one last ran; and for how many leases, with whether this one is of them.
  std::vector<std::string> failed_on;
  std::uint32_t failed_leases = 0;
  bool lease_failed = false;
};

/// One admitted group: carries out what its `group_machine` decides. `extras` may be null.
group_actor::behavior_type group(group_actor::stateful_pointer<group_state> self, context_ptr context,
                                 group_index index, workflow_actor workflow, std::optional<group_restore> restore,
                                 extras_ptr extras);

} // namespace muster
