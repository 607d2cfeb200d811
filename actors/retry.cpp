#include "actors/retry.hpp"

#include "actors/stored_rows.hpp"
#include "muster/base/nearest.hpp"
#include "muster/flow/difference.hpp"
#include "muster/flow/retry.hpp"
#include "muster/state/retry.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

/// All names that a step may be known by: tasks, groups, and what their dotted names pass through.
std::vector<std::string> known_names(const plan& layout) {
  std::vector<std::string> out;
  const auto add = [&out](std::string_view name) {
    for (auto end = name.find('.'); end != std::string_view::npos; end = name.find('.', end + 1))
      out.emplace_back(name.substr(0, end));
    out.emplace_back(name);
  };
  for (auto t = layout.first_task(); t != layout.end_task(); ++t.value)
    add(layout.task_name(t));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

error no_step(const plan& layout, const std::string& id, const std::string& from) {
  const auto hint = did_you_mean(from, known_names(layout));
  return {ec::not_found, "there is no step " + from + " in " + id + "; " +
                             (hint.empty() ? "`muster show " + id + "` has their names" : hint)};
}

result<std::vector<group_index>> choose_of_plan(const plan& layout, const workflow_rows& rows, const std::string& id,
                                                const std::string& from) {
  std::vector<status> statuses;
  for (const auto& g : rows.groups)
    statuses.push_back(g.status);
  std::optional<group_index> first;
  if (!from.empty()) {
    first = layout.find_group(from);
    if (const auto task = layout.find_task(from))
      first = layout.group_of(*task);
    if (!first)
      return no_step(layout, id, from);
  }
  return groups_to_retry(layout, statuses, first);
}

result<std::vector<group_index>> choose_of_flow(store::reader& reader, const spec::workflow& definition,
                                                const plan& layout, const workflow_rows& rows,
                                                const store::workflow_record& record, const std::string& from) {
  auto results = read_results(reader, record.key);
  if (!results)
    return results.failure();
  std::vector<std::pair<std::string, flow::recorded_gang>> recorded;
  for (const auto& g : rows.groups) {
    flow::recorded_gang past{g.index, g.status, {}, false};
    for (std::uint32_t i = 0; i < g.tasks; ++i) {
      const auto found = results->find(g.first_task.value + i);
      past.results.push_back(found == results->end() ? nullptr
                                                     : std::make_shared<const std::string>(std::move(found->second)));
    }
    past.is_step = g.tasks == 1 && rows.tasks[g.first_task.value].name == g.name;
    recorded.emplace_back(g.name, std::move(past));
  }
  const auto chosen = flow::gangs_to_retry(definition.flow, recorded, from);
  if (!chosen)
    return chosen.failure().code == ec::not_found ? no_step(layout, record.id, from) : chosen.failure();
  std::vector<group_index> out;
  for (const auto at : *chosen)
    out.push_back(rows.groups[at].index);
  return out;
}

void reopen(const workflow_rows& rows, group_index g, const std::string& why, planned_retry& into) {
  const auto& group = rows.groups[g.value];
  event fact;
  fact.workflow = into.key;
  fact.group = g;
  fact.text = why;
  fact.type = event_type::task_reopened;
  for (std::uint32_t i = 0; i < group.tasks; ++i) {
    const auto& task = rows.tasks[group.first_task.value + i];
    if (!is_group_finished(task.status))
      continue; // It waits: nobody came to it.
    fact.task = task.index;
    into.facts.push_back(fact);
    ++into.tasks;
  }
  if (group.tasks < 2 || !is_group_finished(group.status))
    return;
  fact.type = event_type::group_reopened;
  fact.task = {};
  into.facts.push_back(fact);
}

} // namespace

result<planned_retry> plan_retry(store::reader& from, const std::string& id, const retry_request& request) {
  const auto record = from.workflow(id);
  if (!record)
    return record.failure();
  if (!is_finished(record->status))
    return error{ec::conflict, "workflow " + record->id + " is " + std::string{to_string(record->status)} +
                                   ": only what has finished is retried; `muster resume " + record->id +
                                   "` takes up what was interrupted"};
  const auto rows = read_rows(from, record->key);
  if (!rows)
    return rows.failure();
  const auto layout = rebuild_plan(from, *record, *rows);
  if (!layout)
    return layout.failure();
  const auto definition = read_definition(from, record->key, (*layout)->header());
  if (!definition)
    return definition.failure();
  const auto chosen = *definition ? choose_of_flow(from, **definition, **layout, *rows, *record, request.from)
                                  : choose_of_plan(**layout, *rows, record->id, request.from);
  if (!chosen)
    return chosen.failure();
  if (request.from.empty() && record->status == status::completed)
    return error{ec::conflict, "workflow " + record->id +
                                   " is COMPLETED: there is nothing to retry; --from STEP runs a "
                                   "step and all that depends on it once more"};
  planned_retry out{record->key, record->id, {}, 0};
  event begun;
  begun.type = event_type::workflow_retried;
  begun.workflow = record->key;
  begun.text = request.from.empty() ? "what did not complete" : "from " + request.from;
  out.facts.push_back(begun);
  for (const auto g : *chosen)
    reopen(*rows, g, request.from.empty() ? "retried" : "retried from " + request.from, out);
  return out;
}

result<std::size_t> count_tasks_to_retry(store::reader& from, const std::string& id, const retry_request& request) {
  const auto planned = plan_retry(from, id, request);
  return planned ? result<std::size_t>{planned->tasks} : result<std::size_t>{planned.failure()};
}

result<std::string> submitted_outline(store::reader& from, const std::string& id) {
  const auto record = from.workflow(id);
  if (!record)
    return record.failure();
  auto definition = from.flow(record->key);
  if (!definition || !definition->empty())
    return definition;
  const auto rows = read_rows(from, record->key);
  if (!rows)
    return rows.failure();
  const auto layout = rebuild_plan(from, *record, *rows);
  return layout ? result<std::string>{flow::outline(**layout)} : result<std::string>{layout.failure()};
}

} // namespace muster
