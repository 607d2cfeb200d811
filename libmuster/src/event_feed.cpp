#include "event_feed.hpp"

#include "convert.hpp"

#include <algorithm>
#include <iterator>

namespace muster::api {

namespace {

event to_api(const store::named_event& x) {
  event out;
  out.sequence = x.fact.seq.value;
  out.time = x.fact.time;
  out.type = std::string(to_string(x.fact.type));
  out.group = x.group;
  out.task = x.task;
  out.attempt = x.fact.attempt;
  out.status = static_cast<status>(x.fact.status);
  if (x.fact.exit_code != no_exit_code)
    out.exit_code = x.fact.exit_code;
  out.text = x.fact.text;
  return out;
}

} // namespace

event_feed::~event_feed() {
  {
    const std::lock_guard lock{state_->mutex};
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else if (thread_.joinable())
    thread_.join();
}

void event_feed::subscribe(workflow_key workflow, std::function<void(const event&)> use,
                           std::function<void(const result<void>&)> on_end) {
  const std::lock_guard lock{state_->mutex};
  state_->fresh.push_back({workflow, std::move(use), std::move(on_end), {}, false, false});
  state_->woken = true;
  if (!thread_.joinable())
    thread_ = std::thread([state = state_, directory = directory_] { run(state, directory); });
  state_->changed.notify_all();
}

void event_feed::wake() {
  {
    const std::lock_guard lock{state_->mutex};
    state_->woken = true;
  }
  state_->changed.notify_all();
}

void event_feed::subscription::end(const result<void>& how) {
  over = true;
  if (!on_end)
    return;
  try {
    on_end(how);
  } catch (...) { // NOLINT(bugprone-empty-catch): whoever throws wants no more, and there is no more.
  }
}

void event_feed::deliver(subscription& x, store::reader& reader, const std::function<bool()>& stopping) {
  if (!x.after) {
    const auto first = reader.earliest();
    if (!first)
      return x.end(to_api(first.failure()));
    x.after = sequence{first->value - 1};
  }
  store::event_query query;
  query.workflow = x.workflow;
  for (bool more = true; more;) {
    query.after = *x.after;
    const auto page = reader.events(query);
    if (!page)
      return x.end(to_api(page.failure()));
    for (const auto& one : page->events) {
      if (stopping())
        return;
      if (one.fact.type == event_type::workflow_status)
        x.finished = is_finished(one.fact.status);
      else if (one.fact.type == event_type::workflow_retried)
        x.finished = false;
      try {
        x.use(to_api(one));
      } catch (...) {
        x.over = true;
        return;
      }
    }
    x.after = page->next_after;
    more = !page->at_end;
  }
  if (x.finished)
    x.end({});
}

void event_feed::run(const std::shared_ptr<shared_state>& state, const store::state_directory& directory) {
  auto reader = store::reader::open(directory);
  std::vector<subscription> all;
  const auto stopping = [&] {
    const std::lock_guard lock{state->mutex};
    return state->stopping;
  };
  while (true) {
    {
      std::unique_lock lock{state->mutex};
      state->changed.wait(lock, [&] { return state->woken || state->stopping; });
      if (state->stopping)
        return;
      state->woken = false;
      std::move(state->fresh.begin(), state->fresh.end(), std::back_inserter(all));
      state->fresh.clear();
    }
    for (auto& x : all)
      if (reader)
        deliver(x, *reader, stopping);
      else
        x.end(to_api(reader.failure()));
    all.erase(std::remove_if(all.begin(), all.end(), [](const subscription& x) { return x.over; }), all.end());
  }
}

} // namespace muster::api
