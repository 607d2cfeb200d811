#include "cli/remote/remote_watch.hpp"

#include "cli/remote/event_reading.hpp"
#include "gateway/client/events.hpp"

namespace muster::cli {

namespace {

class watcher {
public:
  watcher(client::api& others, const std::string& workflow, const remote_watch_filter& filter,
          const remote_watch_handler& handler, remote_logs* logs)
      : filter_(filter), handler_(handler), own_(others, workflow, handler.on_line, filter.only),
        logs_(logs == nullptr ? own_ : *logs) {}

  bool take(std::string_view line) {
    const auto x = read_event(line);
    if (!x)
      return true;
    if (x->fact.type == event_type::task_status)
      follow_logs(*x);
    if (handler_.on_event)
      handler_.on_event(*x);
    if (x->fact.type == event_type::workflow_status && is_finished(x->fact.status))
      ended = x->fact.status;
    if (ended)
      logs_.finish_rest();
    return !ended && !is_last_of_task(*x);
  }

  bool tick() {
    if (handler_.on_line)
      logs_.pump();
    return !handler_.tick || handler_.tick();
  }

  std::optional<status> ended;

private:
  [[nodiscard]] bool is_last_of_task(const store::named_event& x) const {
    return !filter_.task.empty() && x.fact.type == event_type::task_status && x.task == filter_.task &&
           is_finished(x.fact.status) &&
           (filter_.attempt ? *filter_.attempt <= x.fact.attempt : is_group_finished(x.fact.status));
  }

  void follow_logs(const store::named_event& x) {
    const bool wanted = handler_.on_line && (filter_.task.empty() || filter_.task == x.task) &&
                        (!filter_.attempt || *filter_.attempt == x.fact.attempt) &&
                        filter_.told.count({x.task, x.fact.attempt}) == 0;
    if (!wanted)
      return;
    if (x.fact.status == status::running)
      logs_.open(x.task, x.fact.attempt);
    if (is_finished(x.fact.status))
      logs_.finish(x.task, x.fact.attempt);
  }

  const remote_watch_filter& filter_;
  const remote_watch_handler& handler_;
  remote_logs own_;
  remote_logs& logs_;
};

} // namespace

client::outcome<std::optional<status>> watch_on_head(client::api& events, client::api& others,
                                                     const std::string& workflow, std::uint64_t after,
                                                     const remote_watch_filter& filter,
                                                     const remote_watch_handler& handler, remote_logs* logs) {
  watcher x(others, workflow, filter, handler, logs);
  client::event_handler told;
  told.on_event = [&x](std::uint64_t, std::string_view line) { return x.take(line); };
  told.tick = [&x] { return x.tick(); };
  told.on_lost = handler.on_lost;
  const auto done = client::follow_events(events, {after, {{"workflow", workflow}}}, told);
  if (!done)
    return done.why();
  return x.ended;
}

} // namespace muster::cli
