#include "actors/task.hpp"

#include "actors/attempt_description.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

/// A task that says that all is well and hands over what nobody can read has failed.
attempt_report judged(attempt_report report) {
  auto& exit = report.exit;
  if (report.kind == report_kind::exited && exit.code == 0 && !exit.result_problem.empty()) {
    exit.code = exit_code_bad_result;
    exit.message = exit.result_problem;
  }
  return report;
}

} // namespace

task_actor::behavior_type task(task_actor::stateful_pointer<task_state> self, context_ptr context, task_index index,
                               group_actor group, extras_ptr extras) {
  auto& state = self->state;
  guard(self, "task", context->on_failure);
  state.context = std::move(context);
  state.index = index;
  state.group = std::move(group);
  state.extras = std::move(extras);
  state.position = index.value - state.context->layout->tasks(state.context->layout->group_of(index)).first.value;
  const auto id = [&state](std::uint32_t attempt) { return attempt_id{state.context->key, state.index, attempt}; };
  return {
      [self, &state, id](prepare_atom, std::uint32_t attempt, bool then_start, epoch lease, const placed_member& place,
                         const peer_map& peers) {
        state.executor = caf::actor_cast<executor_actor>(place.executor);
        auto spec = describe_attempt(*state.context, state.index, attempt,
                                     state.extras ? &(*state.extras)[state.position] : nullptr);
        if (!spec) {
          attempt_report report;
          report.id = id(attempt);
          report.kind = report_kind::prepare_failed;
          report.problem = spec.failure().code;
          report.exit.message = spec.failure().message;
          self->send(state.group, report_atom::value, std::move(report));
          return;
        }
        spec->then_start = then_start;
        spec->lease = lease;
        spec->node = place.node;
        spec->address = place.address;
        spec->peers = *peers;
        spec->gpus = place.gpus;
        if (!place.is_free())
          spec->after = place.after;
        spec->hands_on = place.hands_on;
        self->send(state.executor, prepare_atom::value,
                   attempt_spec_ptr{std::make_shared<attempt_spec>(std::move(*spec))}, task_actor{self});
      },
      [self, &state, id](start_atom, std::uint32_t attempt) {
        self->send(state.executor, start_atom::value, id(attempt));
      },
      [self, &state, id](stop_atom, std::uint32_t attempt, std::uint32_t grace) {
        self->send(state.executor, stop_atom::value, id(attempt), grace);
      },
      [self, &state, id](publish_atom, std::uint32_t attempt) {
        self->send(state.executor, publish_atom::value, id(attempt));
      },
      [self, &state, id](remove_atom, std::uint32_t attempt) {
        self->send(state.executor, remove_atom::value, id(attempt));
      },
      [self, &state, id](watch_atom, std::uint32_t attempt, epoch, const placed_member& place) {
        state.executor = caf::actor_cast<executor_actor>(place.executor);
        self->send(state.executor, watch_atom::value, id(attempt), task_actor{self});
      },
      [self, &state](report_atom, const attempt_report& report) {
        self->send(state.group, report_atom::value, judged(report));
      },
  };
}

} // namespace muster
