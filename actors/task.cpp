#include "actors/task.hpp"

#include "muster/spec/codec.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

constexpr std::string_view file_scheme = "file://";

/// Where on this machine an input lies. Outputs of tasks are found by name alone, so no actor needs to know of the
/// upstream task.
located_input locate(const workflow_context& context, const spec::input& input, const task_extras::origin* origin) {
  located_input found;
  found.regex = input.regex;
  if (origin != nullptr) {
    if (const auto* from = std::get_if<spec::task_input>(&input.from))
      found.task = from->task;
    if (origin->parts.empty())
      found.source = context.directory.output_link(context.id, origin->task);
    for (const auto& [folder, task] : origin->parts)
      found.parts.emplace_back(folder, context.directory.output_link(context.id, task));
    return found;
  }
  if (const auto* from = std::get_if<spec::task_input>(&input.from)) {
    found.task = from->task;
    found.source = context.directory.output_link(from->workflow.empty() ? context.id : from->workflow, from->task);
  } else {
    const auto& url = std::get<spec::url_input>(input.from).url;
    found.source = url.compare(0, file_scheme.size(), file_scheme) == 0 ? url.substr(file_scheme.size()) : url;
  }
  return found;
}

result<attempt_spec> describe(const task_state& state, std::uint32_t attempt) {
  const auto& context = *state.context;
  const auto index = state.index;
  auto body = context.layout->task(index);
  if (!body)
    return body.failure();
  attempt_spec x;
  x.id = {context.key, index, attempt};
  x.workflow_id = context.id;
  x.group = context.layout->group_name(context.layout->group_of(index));
  x.task = std::move(*body);
  x.resource = context.layout->resource(index);
  x.folder = context.directory.attempt(context.id, x.task.name, attempt);
  const auto* extras = state.extras ? &(*state.extras)[state.position] : nullptr;
  for (std::size_t n = 0; n < x.task.inputs.size(); ++n) {
    const auto* origin = extras != nullptr && extras->inputs.count(n) > 0 ? &extras->inputs.at(n) : nullptr;
    x.inputs.push_back(locate(context, x.task.inputs[n], origin));
  }
  if (extras != nullptr) {
    x.tokens = extras->tokens;
    x.environment = extras->environment;
    x.results = extras->results;
  }
  return x;
}

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
        auto spec = describe(state, attempt);
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
        spec->address = place.address;
        spec->peers = *peers;
        spec->gpus = place.gpus;
        if (!place.is_free())
          spec->after = place.after;
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
