#include "event_feed.hpp"

#include "muster/store/reader.hpp"

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

void event_feed::subscribe(workflow_key workflow, std::function<void(const event&)> use) {
  const std::lock_guard lock{state_->mutex};
  state_->fresh.push_back({workflow, std::move(use), {}, false, false});
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

void event_feed::run(const std::shared_ptr<shared_state>& state, const store::state_directory& directory) {
  auto reader = store::reader::open(directory);
  if (!reader)
    return; // Whoever made the runtime has written the store: it is gone, and there is nobody to tell.
  std::vector<subscription> all;
  const auto stopping = [&] {
    const std::lock_guard lock{state->mutex};
    return state->stopping;
  };
  const auto deliver = [&](subscription& x) {
    store::event_query query;
    query.workflow = x.workflow;
    for (bool more = true; more && !x.over;) {
      query.after = x.after;
      const auto page = reader->events(query);
      if (!page) {
        x.over = true; // The first of them were compacted.
        return;
      }
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
        }
        if (x.over)
          return;
      }
      x.over = x.finished && page->at_end;
      x.after = page->next_after;
      more = !page->at_end;
    }
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
    std::for_each(all.begin(), all.end(), deliver);
    all.erase(std::remove_if(all.begin(), all.end(), [](const subscription& x) { return x.over; }), all.end());
  }
}

} // namespace muster::api
