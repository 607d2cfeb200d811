#include "actors/executor.hpp"

#include "actors/mailbox_meter.hpp"

#include <caf/all.hpp>

namespace muster {

void executor_listener::send(report_list reports) {
  caf::anon_send(target_, report_atom::value, std::move(reports));
}

namespace {

using executor_pointer = executor_actor::stateful_pointer<executor_state>;

void note_call(executor_pointer self, attempt_id id, bool starts) {
  self->state.calls[id] = {self->clock().now(), starts};
}

/// Nothing more will be heard of an attempt, and nobody says `remove`.
bool is_over(report_kind x) {
  return x == report_kind::prepare_failed || x == report_kind::start_failed;
}

void forget(executor_state& state, attempt_id id) {
  state.watchers.erase(id);
  state.calls.erase(id);
  state.counted->attempts = state.watchers.size();
}

void count(executor_pointer self, const attempt_report& x) {
  auto& state = self->state;
  auto& to = *state.counted;
  switch (x.kind) {
    case report_kind::progress: return;
    case report_kind::exited: ++to.exits; return;
    case report_kind::lost:
    case report_kind::displaced: ++to.lost; return;
    case report_kind::prepare_failed: ++to.prepares_failed; break;
    case report_kind::start_failed: ++to.starts_failed; break;
    case report_kind::prepared:
    case report_kind::started: break;
  }
  const auto found = state.calls.find(x.id);
  if (found == state.calls.end())
    return;
  (found->second.starts ? to.starts : to.prepares).add(self->clock().now() - found->second.since);
  state.calls.erase(found);
}

} // namespace

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<driver> runs, std::shared_ptr<driver_meter> counted) {
  auto& state = self->state;
  state.runs = std::move(runs);
  state.counted = std::move(counted);
  return {
      depth_of_mailbox(self),
      [self, &state](prepare_atom, const attempt_spec_ptr& spec, const task_actor& watcher) {
        state.watchers[spec->id] = watcher;
        state.counted->attempts = state.watchers.size();
        note_call(self, spec->id, false);
        state.runs->prepare(*spec);
      },
      [self, &state](watch_atom, attempt_id id, const task_actor& watcher) {
        state.watchers[id] = watcher;
        const auto found = state.early.find(id);
        if (found == state.early.end())
          return;
        self->send(watcher, report_atom::value, found->second);
        state.early.erase(found);
      },
      [self, &state](start_atom, attempt_id id) {
        if (state.calls.count(id) == 0) // Else it is being prepared, and started by itself.
          note_call(self, id, true);
        state.runs->start(id);
      },
      [&state](stop_atom, attempt_id id, std::uint32_t grace) {
        state.runs->stop(id, std::chrono::milliseconds{grace});
      },
      [&state](publish_atom, attempt_id id) { state.runs->publish(id); },
      [&state](remove_atom, attempt_id id) {
        forget(state, id);
        state.runs->remove(id);
      },
      [self, &state](report_atom, const report_list& reports) {
        for (const auto& report : reports) {
          count(self, report);
          const auto watcher = state.watchers.find(report.id);
          if (watcher != state.watchers.end())
            self->send(watcher->second, report_atom::value, report);
          else if (report.kind != report_kind::progress && !is_over(report.kind))
            state.early[report.id] = report;
          if (is_over(report.kind))
            forget(state, report.id);
        }
      },
  };
}

} // namespace muster
