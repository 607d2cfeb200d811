#include "cli/commands/watch.hpp"

#include <system_error>
#include <utility>
#include <vector>

namespace muster::cli {

namespace {

struct running_attempt {
  attempt_id id;
  std::string task;
};

} // namespace

workflow_watch::workflow_watch(store::reader& reader, const store::state_directory& directory,
                               store::workflow_record workflow, sequence after, watch_handler handler)
    : reader_(reader), directory_(directory), workflow_(std::move(workflow)), handler_(std::move(handler)) {
  query_.after = after;
  query_.workflow = workflow_.key;
}

void workflow_watch::open_log(attempt_id id, const std::string& task) {
  logs_.open(id, task, directory_.log(workflow_.id, task, id.number));
}

result<void> workflow_watch::open_running() {
  constexpr std::size_t page_size = 500;
  if (!handler_.on_line)
    return {};
  std::vector<running_attempt> running;
  for (task_index first{0};; first.value += page_size) {
    const auto page = reader_.tasks(workflow_.key, first, page_size);
    if (!page)
      return page.failure();
    for (const auto& task : *page)
      if (task.attempt && task.attempt->status == status::running)
        running.push_back({{workflow_.key, task.index, task.attempt->number}, task.name});
    if (page->size() < page_size)
      break;
  }
  const auto begun_since = read_begun_since();
  if (!begun_since)
    return begun_since.failure();
  for (const auto& [id, task] : running) {
    if (begun_since->count(id) != 0)
      continue;
    const auto file = directory_.log(workflow_.id, task, id.number);
    logs_.open(id, task, file, offset_of_last_lines(file, 0));
  }
  return {};
}

result<std::unordered_set<attempt_id>> workflow_watch::read_begun_since() const {
  std::unordered_set<attempt_id> begun;
  for (auto query = query_;;) {
    const auto page = reader_.events(query);
    if (!page)
      return page.failure();
    for (const auto& x : page->events)
      if (x.fact.type == event_type::task_status && x.fact.status == status::running)
        begun.insert({workflow_.key, x.fact.task, x.fact.attempt});
    if (page->at_end)
      return begun;
    query.after = page->next_after;
  }
}

result<bool> workflow_watch::step() {
  const auto page = reader_.events(query_);
  if (!page)
    return page.failure();
  for (const auto& x : page->events)
    handle(x);
  query_.after = page->next_after;
  const bool read = handler_.on_line && logs_.pump(handler_.on_line);
  return read || !page->events.empty() || !page->at_end;
}

void workflow_watch::handle(const store::named_event& x) {
  if (x.fact.type == event_type::task_status)
    handle_task(x);
  if (handler_.on_event)
    handler_.on_event(x);
  if (x.fact.type == event_type::workflow_status && is_finished(x.fact.status))
    ended_ = x.fact.status;
}

void workflow_watch::handle_task(const store::named_event& x) {
  if (!handler_.on_line)
    return;
  const attempt_id id{workflow_.key, x.fact.task, x.fact.attempt};
  if (x.fact.status == status::running)
    open_log(id, x.task);
  if (!is_finished(x.fact.status))
    return;
  // A command that could not be started may have left a log all the same.
  if (!logs_.is_open(id))
    open_log(id, x.task);
  logs_.finish(id, handler_.on_line, handler_.go_on);
}

} // namespace muster::cli
