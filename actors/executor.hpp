#pragma once

#include "actors/meters.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/report_gatherer.hpp"

#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <unordered_map>

namespace muster {

/// State of the EXECUTOR: which TASK wants to hear of which attempt.
struct executor_state {
  static inline const char* name = "executor";

  std::shared_ptr<driver> runs;
  std::unordered_map<attempt_id, task_actor> watchers;
  /// Reports of adopted attempts that no TASK has asked for yet; at most one each.
  std::unordered_map<attempt_id, attempt_report> early;

  /// A call that was not answered yet.
  struct open_call {
    caf::actor_clock::time_point since;
    bool starts = false;
  };
  std::unordered_map<attempt_id, open_call> calls;
  std::shared_ptr<driver_meter> counted;
};

/// Turns a driver's calls into messages to the EXECUTOR, one per row of calls.
class executor_listener final : public report_gatherer {
public:
  explicit executor_listener(executor_actor target) : target_(std::move(target)) {}

private:
  void send(report_list reports) override;

  executor_actor target_;
};

/// Wraps a driver that was probed. The driver must be told to listen to an `executor_listener` of this actor, and must
/// be destroyed before that listener.
executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<driver> runs, std::shared_ptr<driver_meter> counted);

} // namespace muster
