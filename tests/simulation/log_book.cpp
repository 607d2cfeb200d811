#include "log_book.hpp"

#include <algorithm>

namespace muster::simulation {

namespace {

std::string described(const event& x) {
  return "event " + std::to_string(x.seq.value) + " (" + std::string{to_string(x.type)} + " of " +
         std::to_string(x.workflow.value) + '.' + std::to_string(x.task.value) + '.' + std::to_string(x.attempt) +
         ", group " + std::to_string(x.group.value) + ": " + std::string{to_string(x.status)} + ")";
}

} // namespace

void log_book::read(const std::vector<event>& batch) {
  for (const auto& x : batch)
    read(x);
}

void log_book::read(const event& x) {
  if (x.seq.value <= last_)
    return;
  if (x.seq.value != last_ + 1)
    all_.violate("the log has a gap: " + described(x) + " follows on " + std::to_string(last_));
  last_ = x.seq.value;
  all_.written.mix(x.seq.value);
  all_.written.mix(static_cast<std::uint64_t>(x.status) << 32U | x.task.value);
  all_.say("recorded: " + described(x) + (x.node.empty() ? "" : " on " + x.node) +
           (x.text.empty() ? "" : ": " + x.text));
  switch (x.type) {
    case event_type::workflow_submitted: workflows_[x.workflow.value] = status::pending; break;
    case event_type::workflow_status: {
      auto& now = workflows_[x.workflow.value];
      if (is_finished(now))
        all_.violate("a finished workflow changes: " + described(x));
      now = x.status;
      break;
    }
    case event_type::group_status: {
      auto& now = groups_[{x.workflow.value, x.group.value}];
      if (is_group_finished(now))
        all_.violate("a finished group changes: " + described(x));
      now = x.status;
      break;
    }
    case event_type::task_status: read_task(x); break;
    default: break;
  }
}

void log_book::read_task(const event& x) {
  auto& row = tasks_[{x.workflow.value, x.task.value}];
  if (is_group_finished(row.status))
    all_.violate("a finished task changes: " + described(x));
  if (x.attempt == row.attempt && row.status == status::rescheduled)
    all_.violate("a finished attempt changes: " + described(x));
  if (x.attempt < row.attempt)
    all_.violate("an attempt changes that is not the newest: " + described(x));
  if (x.attempt > row.attempt && !is_finished(row.status))
    all_.violate("an attempt begins before the one before has ended: " + described(x));
  // Nothing ends by a signal here that the head has not sent, and then it is no failure of the task's.
  if (x.exit_code > 128 && x.exit_code < 256)
    all_.violate("an attempt that was told to end is taken for one that failed: " + described(x));
  row = {x.attempt, x.status, x.text};
  if (x.status == status::processing)
    intended_.insert({x.workflow, x.task, x.attempt});
}

void log_book::catch_up() {
  for (;;) {
    store::event_query query;
    query.after = {last_};
    const auto page = stored_.events(query);
    if (!page)
      return all_.violate("the log cannot be read: " + page.failure().message);
    for (const auto& x : page->events)
      read(x.fact);
    if (page->at_end)
      return;
  }
}

void log_book::compare() {
  catch_up();
  store::event_query query;
  std::uint64_t last = 0;
  for (;;) {
    const auto page = stored_.events(query);
    if (!page)
      return all_.violate("the log cannot be read: " + page.failure().message);
    for (const auto& x : page->events)
      if (x.fact.seq.value != ++last)
        return all_.violate("the stored log has a gap at " + std::to_string(last));
    if (page->at_end)
      break;
    query.after = page->next_after;
  }
  if (last != last_)
    all_.violate("subscribers were told of " + std::to_string(last_) + " events, and " + std::to_string(last) +
                 " are stored");
  for (const auto& [key, was] : workflows_) {
    const auto row = stored_.workflow(workflow_key{key});
    if (!row || row->status != was)
      all_.violate("workflow " + std::to_string(key) + " is not stored as its events say");
  }
}

void log_book::on_real_start(const std::string& machine, const attempt_spec& what) {
  if (intended_.count(what.id) == 0)
    catch_up(); // Whoever tells of it may be slow.
  if (intended_.count(what.id) == 0)
    all_.violate("attempt " + to_string(what.id) + " starts, and nothing is recorded of it");
  const auto [at, fresh] = started_.emplace(what.id, machine);
  if (!fresh)
    all_.violate("attempt " + to_string(what.id) + " starts on " + machine + ", and was started on " + at->second +
                 " before");
}

std::size_t log_book::unfinished() const {
  return static_cast<std::size_t>(
      std::count_if(workflows_.begin(), workflows_.end(), [](const auto& x) { return !is_finished(x.second); }));
}

std::string log_book::listing() const {
  std::string out;
  for (const auto& [key, now] : workflows_) {
    if (is_finished(now))
      continue;
    out += "\n  workflow " + std::to_string(key) + " is " + std::string{to_string(now)};
    for (const auto& [task, row] : tasks_)
      if (task.first == key && !is_group_finished(row.status))
        out += "\n    task " + std::to_string(task.second) + "." + std::to_string(row.attempt) + ": " +
               std::string{to_string(row.status)} + " " + row.text;
  }
  return out;
}

} // namespace muster::simulation
