#include "actors/retention.hpp"

#include "actors/runtime.hpp"
#include "muster/base/log.hpp"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace muster {

namespace {

namespace fs = std::filesystem;

constexpr const char* component = "retention";
/// Workflows that are looked at in one go.
constexpr std::size_t page = 100;

/// Bytes of all files below a folder; links are not followed, what cannot be read counts nothing.
std::int64_t size_of(const fs::path& folder) {
  std::int64_t total = 0;
  std::error_code problem;
  for (fs::recursive_directory_iterator at{folder, fs::directory_options::skip_permission_denied, problem}, end;
       !problem && at != end; at.increment(problem)) {
    std::error_code unreadable;
    const auto status = at->symlink_status(unreadable);
    if (unreadable || !fs::is_regular_file(status))
      continue;
    const auto size = fs::file_size(at->path(), unreadable);
    total += unreadable ? 0 : static_cast<std::int64_t>(size);
  }
  return total;
}

} // namespace

retention::retention(retention_config config, runtime& engine)
    : config_(std::move(config)), engine_(engine), policy_(config_.policy), interval_(config_.interval) {}

retention::~retention() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void retention::start() {
  thread_ = std::thread{[this] { run(); }};
}

void retention::wake() {
  {
    const std::lock_guard lock{mutex_};
    is_due_ = true;
  }
  changed_.notify_all();
}

void retention::set_policy(const store::retention_policy& policy, std::optional<std::chrono::milliseconds> interval) {
  {
    const std::lock_guard lock{mutex_};
    policy_ = policy;
    interval_ = interval.value_or(interval_);
  }
  wake();
}

store::retention_policy retention::policy() {
  const std::lock_guard lock{mutex_};
  return policy_;
}

bool retention::stopping() {
  const std::lock_guard lock{mutex_};
  return stopping_;
}

void retention::run() {
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, interval_, [this] { return stopping_ || is_due_; });
      if (stopping_)
        return;
      is_due_ = false;
    }
    const auto done = pass();
    if (!done)
      log::warn(component, "could not remove all that may go, will be tried again", {{"why", done.failure().message}});
    else if (done->workflows + done->events + done->folders > 0)
      log::info(component, "removed what need not be kept",
                {{"workflows", done->workflows}, {"events", done->events}, {"folders", done->folders}});
  }
}

result<retention_report> retention::pass() {
  retention_report report;
  auto reader = store::reader::open(config_.directory);
  if (!reader)
    return reader.failure();
  auto policy_now = policy();
  const auto by_age = believes_clock(*reader);
  if (!by_age)
    return by_age.failure();
  if (!*by_age)
    policy_now.workflow_age = policy_now.event_age = duration{};
  empty_trash(report); // Needs no room, and leaves some.
  if (auto done = measure(*reader, report); !done && done.failure().code != ec::store_full)
    return done.failure();
  if (auto done = remove_workflows(*reader, policy_now, report); !done)
    return done.failure();
  empty_trash(report);
  if (auto done = remove_events(*reader, policy_now, report); !done)
    return done.failure();
  if (auto done = remove_rows(policy_now, *by_age); !done)
    return done.failure();
  return report;
}

timestamp retention::now() const {
  return config_.now ? config_.now() : std::chrono::time_point_cast<duration>(timestamp::clock::now());
}

result<bool> retention::believes_clock(store::reader& from) {
  if (config_.now)
    return true;
  const auto last = from.latest();
  if (!last)
    return last.failure();
  store::event_query query;
  query.after = {last->value == 0 ? 0 : last->value - 1};
  query.limit = 1;
  const auto newest = from.events(query);
  if (!newest)
    return newest.failure();
  const auto at = newest->events.empty() ? now() : newest->events.back().fact.time;
  const bool good = clock_.believes(now(), std::chrono::steady_clock::now(), at);
  if (!good && !said_that_doubted_)
    log::warn(component, "the clock leapt, or the last event is long ago: nothing is removed for its age for an hour");
  said_that_doubted_ = !good;
  return good;
}

result<void> retention::measure(store::reader& from, retention_report& into) {
  for (;;) {
    auto list = from.unmeasured(page);
    if (!list)
      return list.failure();
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (stopping())
        return {};
      const store::workflow_measured x{(*list)[i].key, size_of(config_.directory.workflow((*list)[i].id))};
      ++into.measured;
      // The last one is waited for: what comes before it is durable then, too.
      if (i + 1 < list->size())
        engine_.note(x);
      else if (auto done = engine_.record(x); !done)
        return done.failure();
    }
    if (list->size() < page)
      return {};
  }
}

result<std::int64_t> retention::begin_row() {
  store::audit_record row;
  row.time = now();
  row.peer = "head";
  row.action = "workflow.delete";
  row.target = "retention:";
  auto number = engine_.record(store::audit_begun{std::move(row)});
  // On a full disk there is no room for a row: to make some comes first, and the events say what was deleted.
  return !number && number.failure().code == ec::store_full ? result<std::int64_t>{0} : number;
}

result<void> retention::remove_workflows(store::reader& from, const store::retention_policy& policy,
                                         retention_report& into) {
  std::optional<std::int64_t> row;
  auto done = remove_workflows(from, policy, into, row);
  if (row && *row != 0)
    engine_.note(store::audit_ended{*row, done ? "ok" : std::string{to_string(done.failure().code)}, now(),
                                    std::to_string(into.workflows) + " workflows"});
  return done;
}

result<void> retention::remove_workflows(store::reader& from, const store::retention_policy& policy,
                                         retention_report& into, std::optional<std::int64_t>& row) {
  for (;;) {
    const auto all = from.totals();
    if (!all)
      return all.failure();
    const auto oldest = from.finished(page);
    if (!oldest)
      return oldest.failure();
    const auto count = store::count_expired(policy, *all, *oldest, now());
    const auto before = into.workflows;
    for (std::size_t i = 0; i < count; ++i) {
      if (stopping())
        return {};
      if (!row) {
        const auto begun = begin_row();
        if (!begun)
          return begun.failure();
        row = *begun;
      }
      const auto done = engine_.remove((*oldest)[i].id, "retention");
      // Somebody may retry or delete it at this moment.
      if (!done && done.failure().code != ec::not_found && done.failure().code != ec::conflict)
        return done.failure();
      into.workflows += done ? 1 : 0;
    }
    if (count < page || into.workflows == before)
      return {};
  }
}

result<void> retention::remove_events(store::reader& from, const store::retention_policy& policy,
                                      retention_report& into) {
  const auto last = from.latest();
  if (!last)
    return last.failure();
  sequence aged;
  if (policy.event_age > duration{}) {
    const auto found = from.last_before(now() - policy.event_age);
    if (!found)
      return found.failure();
    aged = *found;
  }
  const auto through = store::last_expired(policy, *last, aged);
  while (through.value != 0 && !stopping()) {
    const auto removed = engine_.record(store::events_compacted{through, config_.piece});
    if (!removed)
      return removed.failure();
    if (*removed == 0)
      break;
    into.events += static_cast<std::uint64_t>(*removed);
  }
  return {};
}

result<void> retention::remove_rows(const store::retention_policy& policy, bool by_age) {
  const auto repeat = [this](const store::service_change& x) -> result<void> {
    while (!stopping()) {
      const auto done = engine_.record(x);
      if (!done)
        return done.failure();
      if (*done == 0)
        break;
    }
    return {};
  };
  if (auto done = repeat(store::rows_swept{config_.piece}); !done)
    return done;
  if (!by_age)
    return {};
  if (policy.audit_age > duration{})
    if (auto done = repeat(store::audit_expired{now() - policy.audit_age, config_.piece}); !done)
      return done;
  return repeat(store::idempotency_expired{now() - store::idempotency_span, config_.piece});
}

void retention::empty_trash(retention_report& into) {
  std::error_code problem;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at{config_.directory.trash(), problem}, end; !problem && at != end; at.increment(problem))
    entries.push_back(at->path());
  for (const auto& x : entries) {
    if (stopping())
      return;
    std::error_code failed;
    fs::remove_all(x, failed);
    if (failed)
      log::warn(component, "folder cannot be removed", {{"folder", x.string()}, {"why", failed.message()}});
    else
      ++into.folders;
  }
}

result<std::uint64_t> retention::find_orphans() {
  auto reader = store::reader::open(config_.directory);
  if (!reader)
    return reader.failure();
  std::error_code problem;
  std::vector<std::string> ids;
  for (fs::directory_iterator at{config_.directory.workflows(), problem}, end; !problem && at != end;
       at.increment(problem))
    if (auto id = config_.directory.id_of(at->path()))
      ids.push_back(std::move(*id));
  std::uint64_t found = 0;
  for (const auto& id : ids) {
    const auto known = reader->has_workflow(id);
    if (!known)
      return known.failure();
    if (*known)
      continue;
    if (auto moved = config_.directory.discard(id); !moved)
      log::warn(component, "folder of no workflow cannot be moved",
                {{"workflow", id}, {"why", moved.failure().message}});
    else
      ++found;
  }
  return found;
}

} // namespace muster
