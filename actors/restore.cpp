#include "actors/restore.hpp"

#include "actors/stored_rows.hpp"
#include "actors/wall_clock.hpp"
#include "executors/data/folders.hpp"
#include "muster/state/aggregate.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace muster {

namespace {

/// Attempts that were recorded and have not ended.
bool may_live(const store::task_record& t) {
  return t.attempt && !is_finished(t.attempt->status) && !is_group_finished(t.status);
}

/// What the driver needs to recognise an attempt.
attempt_spec identify(const plan& layout, const store::state_directory& directory, const accepted& who,
                      const store::task_record& t) {
  attempt_spec x;
  x.id = {who.key, t.index, t.attempt->number};
  x.lease = t.attempt->lease;
  x.node = t.attempt->node;
  x.workflow_id = who.id;
  x.group = layout.group_name(t.group);
  if (auto body = layout.task(t.index))
    x.task = std::move(*body);
  x.resource = layout.resource(t.index);
  x.folder = directory.attempt(who.id, t.name, t.attempt->number);
  x.address = t.attempt->address;
  x.gpus = gpus_from_text(t.attempt->gpus);
  return x;
}

void note_found(stored_workflow& x, task_index t, found what) {
  const auto group = x.layout->group_of(t);
  if (const auto known = x.restore->members.find(group.value); known != x.restore->members.end())
    known->second.members[t.value - x.layout->tasks(group).first.value].found = what;
}

/// Where a task is. A new attempt that was only intended will be where the one before was: its peers know that address.
result<placed_member> place_of(store::reader& from, workflow_key key, const store::task_record& t) {
  placed_member place;
  if (!t.attempt)
    return place;
  place.node = t.attempt->node;
  place.address = t.attempt->address;
  place.gpus = gpus_from_text(t.attempt->gpus);
  if (!place.node.empty() || t.attempt->number == 0)
    return place;
  const auto all = from.attempts(key, t.index);
  if (!all)
    return all.failure();
  for (const auto& x : *all)
    if (!x.node.empty()) {
      place.node = x.node;
      place.address = x.address;
      place.gpus = gpus_from_text(x.gpus);
    }
  return place;
}

/// Which attempts of a task left their places, since it was run once more.
result<void> count_preemptions(store::reader& from, workflow_key key, const store::task_record& t,
                               recorded_member& member) {
  if (!t.attempt || is_group_finished(t.status))
    return {};
  const auto all = from.attempts(key, t.index);
  if (!all)
    return all.failure();
  const bool has_no_place = t.attempt->status < status::initializing;
  for (const auto& x : *all) {
    if (x.number < t.first_attempt || x.status != status::rescheduled)
      continue;
    member.preemptions += has_left_free(x.exit_code, x.reason) ? 1 : 0;
    const bool is_before = x.number + 1 == t.attempt->number && has_no_place;
    if (has_left(x.exit_code) && (is_before || x.number == t.attempt->number))
      member.left = x.exit_code;
  }
  return {};
}

/// How long those of its members waited that the POOL had no places for. Not while they were asked for at all: a retry
/// that is to come later does not wait for any.
duration waited_for_place(const store::group_record& g, const std::vector<store::task_record>& tasks,
                          timestamp recorded_until) {
  for (std::uint32_t i = 0; i < g.tasks; ++i) {
    const auto& newest = tasks[g.first_task.value + i].attempt;
    if (newest && newest->status == status::scheduling)
      return passed_since(newest->times.scheduling, recorded_until);
  }
  return duration::zero();
}

result<group_restore> restore_group(store::reader& from, workflow_key key, const store::group_record& g,
                                    const std::vector<store::task_record>& tasks, const caf::strong_actor_ptr& executor,
                                    const restore_times& at) {
  group_restore x;
  x.clocks = {passed_since(g.times.running, at.now), waited_for_place(g, tasks, at.recorded_until)};
  x.stopping = g.stopping;
  for (std::uint32_t i = 0; i < g.tasks; ++i) {
    const auto& t = tasks[g.first_task.value + i];
    recorded_member member;
    if (t.attempt) {
      member.attempt = t.attempt->number;
      member.status = t.attempt->status;
    }
    member.found = may_live(t) ? found::away : found::nothing;
    if (auto counted = count_preemptions(from, key, t, member); !counted)
      return counted.failure();
    x.members.push_back(member);
    auto place = place_of(from, key, t);
    if (!place)
      return place.failure();
    place->executor = executor;
    x.places.push_back(std::move(*place));
  }
  return x;
}

/// A task that is COMPLETED may not have come to show its output before the crash; what is downstream needs it. What a
/// task that is run once more wrote before is not its output any more.
result<void> show_outputs(const store::state_directory& directory, const std::string& id,
                          const std::vector<store::task_record>& tasks) {
  for (const auto& t : tasks) {
    if (t.status != status::completed && t.first_attempt > 0) {
      std::error_code failed;
      std::filesystem::remove(directory.output_link(id, t.name), failed);
      if (failed)
        return {ec::io_error, "cannot remove " + directory.output_link(id, t.name).string() + ": " + failed.message()};
    }
    if (t.status != status::completed || !t.attempt)
      continue;
    std::error_code ignored;
    if (std::filesystem::exists(directory.output_link(id, t.name), ignored))
      continue;
    if (auto shown = data::show_output(directory.attempt(id, t.name, t.attempt->number)); !shown)
      return shown;
  }
  return {};
}

/// What a flow is run by, and what its tasks resulted in.
result<void> take_flow(store::reader& from, workflow_key key, const plan& layout, workflow_restore& into) {
  auto definition = read_definition(from, key, layout.header());
  if (!definition)
    return definition.failure();
  into.definition = std::move(*definition);
  if (!into.definition)
    return {};
  auto results = read_results(from, key);
  if (!results)
    return results.failure();
  into.results = std::move(*results);
  return {};
}

} // namespace

result<timestamp> recorded_until(store::reader& from) {
  const auto last = from.latest();
  if (!last)
    return last.failure();
  if (last->value == 0)
    return timestamp{};
  store::event_query newest;
  newest.after = sequence{last->value - 1};
  newest.limit = 1;
  const auto page = from.events(newest);
  if (!page && page.failure().code == ec::not_found)
    return timestamp{}; // It was compacted, as all before it.
  if (!page)
    return page.failure();
  return page->events.empty() ? timestamp{} : page->events.front().fact.time;
}

result<stored_workflow> load_workflow(store::reader& from, const store::state_directory& directory,
                                      const std::string& id, const caf::strong_actor_ptr& executor,
                                      const restore_times& at) {
  const auto record = from.workflow(id);
  if (!record)
    return record.failure();
  if (is_finished(record->status))
    return {ec::conflict, "workflow " + id + " is finished: " + std::string{to_string(record->status)}};
  const accepted who{record->key, record->id};
  const auto rows = read_rows(from, record->key);
  if (!rows)
    return rows.failure();
  const auto layout = rebuild_plan(from, *record, *rows);
  if (!layout)
    return layout.failure();
  if (auto shown = show_outputs(directory, record->id, rows->tasks); !shown)
    return shown.failure();

  auto restore = std::make_shared<workflow_restore>();
  restore->recorded = record->status;
  restore->cancel_requested = record->cancel_requested.has_value();
  restore->cancel_message = record->cancel_message;
  restore->terms = {record->priority, record->user};
  for (const auto& t : rows->tasks)
    if (t.first_attempt > 0) {
      if (!restore->attempts_from)
        restore->attempts_from = std::make_shared<first_attempts>();
      restore->attempts_from->emplace(t.index.value, t.first_attempt);
    }
  for (const auto& g : rows->groups) {
    restore->groups.push_back(g.status);
    if (g.status <= status::waiting || is_group_finished(g.status))
      continue;
    auto members = restore_group(from, record->key, g, rows->tasks, executor, at);
    if (!members)
      return members.failure();
    restore->members[g.index.value] = std::move(*members);
  }
  if (auto taken = take_flow(from, who.key, **layout, *restore); !taken)
    return taken.failure();
  stored_workflow out{who, *layout, std::move(restore), {}, {}};
  out.tasks.reserve(rows->tasks.size());
  for (const auto& t : rows->tasks) {
    out.tasks.push_back(t.status);
    if (may_live(t))
      out.unasked.push_back(identify(**layout, directory, who, t));
  }
  return out;
}

void give_up(stored_workflow& x) {
  for (const auto& one : x.unasked)
    note_found(x, one.id.task, found::lost);
  x.unasked.clear();
}

bool may_have_begun(const stored_workflow& x, const std::string& drivers) {
  const bool are_here = drivers == "process" || drivers == "docker" || drivers == "docker,process";
  return std::any_of(x.unasked.begin(), x.unasked.end(), [&](const attempt_spec& one) {
    std::error_code ignored;
    return !are_here || std::filesystem::exists(one.folder, ignored) ||
           std::filesystem::exists(one.folder.string() + ".log", ignored);
  });
}

result<void> adopt(stored_workflow& x, driver& runs) {
  if (x.unasked.empty()) {
    runs.clean(x.who.key);
    return {};
  }
  const auto answers = runs.adopt(x.unasked);
  if (!answers)
    return answers.failure();
  runs.clean(x.who.key);
  for (std::size_t i = 0; i < x.unasked.size(); ++i)
    note_found(x, x.unasked[i].id.task, static_cast<found>((*answers)[i]));
  x.unasked.clear();
  return {};
}

std::vector<placement_request> what_is_held(const stored_workflow& x) {
  std::vector<placement_request> all;
  for (const auto& [group, recorded] : x.restore->members) {
    placement_request out;
    out.workflow = x.who.key;
    out.group = group_index{group};
    out.terms = x.restore->terms;
    const auto first = x.layout->tasks(out.group).first;
    const auto& members = recorded.members;
    const bool lives = std::any_of(members.begin(), members.end(), [](const auto& m) { return may_run(m.found); });
    for (std::size_t i = 0; i < members.size() && lives; ++i) {
      const auto& member = members[i];
      if (is_group_finished(member.status) || member.found == found::lost || member.left != 0)
        continue;
      out.members.push_back(task_index{first.value + static_cast<std::uint32_t>(i)});
      out.held.push_back(recorded.places[i]);
    }
    all.push_back(std::move(out));
  }
  return all;
}

} // namespace muster
