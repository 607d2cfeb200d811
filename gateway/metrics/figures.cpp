#include "gateway/metrics/figures.hpp"

#include "actors/runtime.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/server.hpp"
#include "gateway/webhooks/dispatcher.hpp"

#include <sys/resource.h>

#include <cstdint>
#include <string>
#include <vector>

namespace muster::gateway {

namespace {

using labels = metrics_page::labels;

distribution distribution_of(const histogram& x) {
  return {x.bounds, x.counts, x.sum};
}

std::vector<status> all_statuses() {
  std::vector<status> out;
  for (unsigned i = 1; i <= UINT8_MAX; ++i)
    if (const auto x = static_cast<status>(i); parse_status(to_string(x)) == x)
      out.push_back(x);
  return out;
}

/// Every status is there, also those that nothing has: a figure that comes and goes cannot be watched.
void write_tally(metrics_page& to, const std::string& name, const std::string& help, const status_tally& x,
                 bool finished, bool counts) {
  for (const auto state : all_statuses()) {
    if (!finished && is_finished(state))
      continue;
    const auto found = x.find(state);
    const auto value = found == x.end() ? 0.0 : static_cast<double>(found->second);
    const labels with{{"status", std::string{to_string(state)}}};
    if (counts)
      to.counter(name, help, value, with);
    else
      to.gauge(name, help, value, with);
  }
}

void write_states(metrics_page& to, const measures& x) {
  write_tally(to, "muster_workflows", "Workflows that have not ended.", x.workflows, false, false);
  write_tally(to, "muster_groups", "Groups of live workflows that have not ended.", x.groups, false, false);
  write_tally(to, "muster_tasks", "Tasks of live workflows that have not ended.", x.tasks, false, false);
  write_tally(to, "muster_workflow_transitions_total", "Workflows that came into a status.", x.workflow_transitions,
              true, true);
  write_tally(to, "muster_group_transitions_total", "Groups that came into a status.", x.group_transitions, true, true);
  write_tally(to, "muster_task_transitions_total", "Tasks that came into a status.", x.task_transitions, true, true);
  to.counter("muster_submissions_total", "Workflows that were accepted.", static_cast<double>(x.submissions));
}

void write_waits(metrics_page& to, const measures& x) {
  to.histogram("muster_queue_wait_seconds", "Time from the request for places to having them.",
               distribution_of(x.queue_wait));
  to.histogram("muster_barrier_wait_seconds", "Time that a prepared member of a gang waited for the others.",
               distribution_of(x.barrier_wait));
  to.histogram("muster_placement_seconds", "Time that a pool took to answer one request.",
               distribution_of(x.placement));
}

void write_executors(metrics_page& to, const measures& x) {
  for (const auto& one : x.drivers) {
    const auto of = [&](const char* call) { return labels{{"pools", one.pools}, {"call", call}}; };
    to.histogram("muster_executor_call_seconds", "Time of a call of an executor.", distribution_of(one.prepares),
                 of("prepare"));
    to.histogram("muster_executor_call_seconds", "", distribution_of(one.starts), of("start"));
    to.counter("muster_executor_errors_total", "Calls of an executor that failed.",
               static_cast<double>(one.prepares_failed), of("prepare"));
    to.counter("muster_executor_errors_total", "", static_cast<double>(one.starts_failed), of("start"));
    const labels pools{{"pools", one.pools}};
    to.counter("muster_executor_exits_total", "Attempts that ended.", static_cast<double>(one.exits), pools);
    to.counter("muster_executor_lost_total", "Attempts of which nobody knows how they ended.",
               static_cast<double>(one.lost), pools);
    to.gauge("muster_executor_attempts", "Attempts that an executor has in hand.", static_cast<double>(one.attempts),
             pools);
  }
}

void write_store(metrics_page& to, const measures& x) {
  to.histogram("muster_commit_seconds", "Time of a transaction, from its first row to the disk.",
               distribution_of(x.commit_time));
  to.histogram("muster_commit_entries", "Requests that shared a transaction.", distribution_of(x.batch_size));
  to.counter("muster_events_total", "Events that were committed.", static_cast<double>(x.events));
  to.gauge("muster_store_full", "1 while the disk is full and nothing new is accepted.", x.store_full ? 1 : 0);
  to.gauge("muster_journal_backlog", "Entries that wait for the next transaction.",
           static_cast<double>(x.journal_backlog));
  to.gauge("muster_monitors", "Monitors in other processes.", static_cast<double>(x.monitors));
}

void write_mailboxes(metrics_page& to, const measures& x) {
  for (const auto& one : x.mailboxes) {
    const labels who{{"actor", one.actor}};
    to.gauge("muster_mailbox_depth", "Messages that wait for an actor.", static_cast<double>(one.depth), who);
    to.gauge("muster_mailbox_wait_seconds", "Time that a message waits for an actor.", one.wait, who);
  }
}

void write_process(metrics_page& to, const process_measures& x) {
  to.counter("process_cpu_seconds_total", "Processor time of the head.", x.cpu_seconds);
  to.gauge("process_resident_memory_bytes", "Memory of the head.", static_cast<double>(x.resident_bytes));
  to.gauge("process_virtual_memory_bytes", "Address space of the head.", static_cast<double>(x.virtual_bytes));
  to.gauge("process_threads", "Threads of the head.", static_cast<double>(x.threads));
  to.gauge("process_open_fds", "Descriptors that are open.", static_cast<double>(x.open_files));
  to.gauge("process_start_time_seconds", "When the head was started, since 1970.", x.start_time);
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0)
    to.gauge("process_max_fds", "Descriptors that may be open.", static_cast<double>(most.rlim_cur));
}

} // namespace

void write_runtime_figures(metrics_page& to, const measures& x) {
  write_states(to, x);
  write_waits(to, x);
  write_executors(to, x);
  write_store(to, x);
  write_mailboxes(to, x);
  write_process(to, x.process);
}

void write_feed_figures(metrics_page& to, const feed_figures& x) {
  to.gauge("muster_events_sequence", "The last event that was passed on to subscribers.",
           static_cast<double>(x.head.value));
  to.gauge("muster_event_ring_bytes", "Events in memory.", static_cast<double>(x.bytes));
  to.gauge("muster_event_subscribers", "Streams of events.", static_cast<double>(x.subscribers));
  to.counter("muster_event_disk_pages_total", "Pages of the log that were read for who was behind.",
             static_cast<double>(x.disk_pages));
  to.gauge("muster_event_lag", "Events that the slowest stream has not been given yet.", static_cast<double>(x.lag));
  to.histogram("muster_event_passing_seconds", "Time from a commit to its events being passed on to subscribers.",
               {{x.bounds.begin(), x.bounds.end()}, x.passing, x.passing_sum});
}

void write_webhook_figures(metrics_page& to, const webhook_figures& x) {
  const char* const help = "Webhooks by their state.";
  to.gauge("muster_webhooks", help, static_cast<double>(x.active), {{"state", "active"}});
  to.gauge("muster_webhooks", help, static_cast<double>(x.disabled), {{"state", "disabled"}});
  to.gauge("muster_webhooks_failing", "Active webhooks whose last message was not taken.",
           static_cast<double>(x.failing));
  to.gauge("muster_webhook_lag", "Events that the slowest active webhook has not been told of yet.",
           static_cast<double>(x.lag));
}

void write_server_figures(metrics_page& to, const http::server_figures& x) {
  to.gauge("muster_http_connections", "Connections that are open.", static_cast<double>(x.connections));
  to.gauge("muster_http_streams", "Answers that go on.", static_cast<double>(x.streams));
  to.gauge("muster_http_queue", "Requests that wait for a worker.", static_cast<double>(x.queued));
  to.gauge("muster_http_answer_bytes", "Answers of more than 64 KiB that are being sent whole.",
           static_cast<double>(x.answer_bytes));
  to.counter("muster_http_refused_total", "Connections and requests that were turned away unread.",
             static_cast<double>(x.refused));
}

} // namespace muster::gateway
