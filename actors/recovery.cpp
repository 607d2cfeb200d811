#include "actors/recovery.hpp"

#include "actors/agents/agent_pool.hpp"
#include "actors/driver_names.hpp"
#include "actors/restore.hpp"
#include "actors/runtime_impl.hpp"
#include "muster/base/log.hpp"

#include <algorithm>
#include <functional>
#include <thread>

namespace muster {

namespace {

constexpr std::size_t most_failures_told = 100;

} // namespace

/// Nobody else is to get what it holds, whether it can be taken up or not.
void runtime::impl::book(const stored_workflow& x, const pool_actor& pool) {
  for (const auto& booked : what_is_held(x))
    caf::anon_send(pool, place_atom::value, booked, x.layout);
}

/// What one driver was given no other can tell of, or end: it would run twice.
result<void> runtime::impl::check_driver(const stored_workflow& stored, const store::workflow_record& record,
                                         const std::string& pool, const std::string& driver) {
  const auto missing = missing_drivers(record.driver, driver);
  if (missing.empty() || !may_have_begun(stored, missing))
    return {};
  return {ec::unsupported,
          "tasks of " + record.id + " may still be run by '" + missing + "', and pool '" + pool + "' has '" + driver +
              "' now: give it that driver until they have ended, or give them up (muster cancel --force)"};
}

result<accepted_workflow> runtime::impl::take_up(store::reader& from, const store::workflow_record& record,
                                                 open_attempts which) {
  const auto pool = pools_->find(record.pool);
  if (!pool)
    return pool.failure();
  const auto offered = pools_->offered(**pool);
  if (!offered)
    return offered.failure();
  const auto now = std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
  auto stored = load_workflow(from, directory_, record.id, pools_->executor_of(**pool), {now, recorded_until_});
  if (!stored)
    return stored.failure();
  const auto driver = driver_names(**offered);
  if (which == open_attempts::are_given_up)
    give_up(*stored);
  auto asked = check_driver(*stored, record, (*pool)->name, driver);
  // Then its places are on nodes that this pool has not.
  const bool is_elsewhere = !asked && ((*pool)->has_agents() || record.driver == driver_names(offer_of_agents()));
  if (asked)
    asked = adopt(*stored, pools_->driver_of(**pool));
  if (!is_elsewhere)
    book(*stored, (*pool)->actor); // Also where nobody says what became of it: it may run.
  if (!asked)
    return asked.failure();
  if (record.driver != driver)
    note(store::workflow_given{record.key, driver}); // Ahead of what it is given.
  std::vector<group_index> group_of;
  group_of.reserve(stored->tasks.size());
  for (auto t = stored->layout->first_task(); t != stored->layout->end_task(); ++t.value)
    group_of.push_back(stored->layout->group_of(t));
  counted_->states.taken_up(record.key, record.status, stored->restore->groups, stored->tasks, group_of);
  // Before it is live: it may end at once, and who waits for that end must not find it held.
  auto held = let_go(record.key);
  const auto done = ask<accepted>(registry_, resume_atom::value, stored->who, stored->layout, stored->restore);
  if (done)
    return accepted_workflow{done->key, done->id, {}, {}};
  if (held && done.failure().code != ec::conflict) {
    const std::lock_guard lock{mutex_};
    held_.emplace(record.key, *std::move(held));
  }
  return done.failure();
}

result<accepted_workflow> runtime::impl::resume(const std::string& id) {
  if (auto may = may_admit(); !may)
    return may.failure();
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  auto record = reader->workflow(id);
  if (!record)
    return record.failure();
  const auto claimed = take_claim(*record);
  if (!claimed)
    return claimed.failure();
  return take_up(*reader, *record, open_attempts::are_asked_for);
}

void runtime::impl::hold(const store::workflow_record& record, const std::string& pool, const std::string& why) {
  const std::lock_guard lock{mutex_};
  held_[record.key] = {record.id, pool, why};
}

std::optional<runtime::impl::held_workflow> runtime::impl::let_go(workflow_key workflow) {
  const std::lock_guard lock{mutex_};
  const auto found = held_.find(workflow);
  if (found == held_.end())
    return std::nullopt;
  auto out = std::move(found->second);
  held_.erase(found);
  return out;
}

std::string runtime::impl::why_held(workflow_key workflow) {
  const std::lock_guard lock{mutex_};
  const auto found = held_.find(workflow);
  return found == held_.end() ? std::string{} : found->second.why;
}

bool runtime::impl::is_held_for_good(workflow_key workflow) {
  const std::lock_guard lock{mutex_};
  const auto found = held_.find(workflow);
  return found != held_.end() && found->second.pool.empty();
}

/// Its pool is asked again, and it is tried again.
void runtime::impl::hold_for_pool(const store::workflow_record& record, const std::string& pool,
                                  const std::string& why) {
  hold(record, pool, why);
  caf::anon_send(prober_, start_atom::value);
}

/// Takes up one of all; what goes wrong with it does not stop the others.
void runtime::impl::recover_one(store::reader& from, const std::string& id, recovery_report& into, std::mutex& guard) {
  const auto count = [&](std::size_t recovery_progress::*what) {
    const std::lock_guard lock{guard};
    ++(into.counts.*what);
  };
  const auto failed = [&](workflow_key key, const error& why) {
    log::error("registry", "workflow cannot be taken up", {{"workflow", id}, {"why", why.message}});
    count(&recovery_progress::failed);
    const std::lock_guard lock{guard};
    if (into.failures.size() < most_failures_told)
      into.failures.push_back({key, id, why});
  };
  const auto record = from.workflow(id);
  if (!record)
    return failed({}, record.failure());
  if (is_finished(record->status)) {
    static_cast<void>(let_go(record->key));
    return count(&recovery_progress::taken_up);
  }
  const auto claimed = take_claim(*record);
  if (!claimed)
    return count(&recovery_progress::taken_up); // Somebody else is at it.
  const auto done = take_up(from, *record, open_attempts::are_asked_for);
  if (done || done.failure().code == ec::conflict)
    return count(&recovery_progress::taken_up);
  const auto& why = done.failure();
  if (const auto pool = pools_->find(record->pool); pool && kind(why.code) == error_kind::transient) {
    hold_for_pool(*record, (*pool)->name, why.message);
    return count(&recovery_progress::held);
  }
  hold(*record, {}, "it could not be taken up: " + why.message);
  failed(record->key, why);
}

recovery_report runtime::impl::recover_these(const std::vector<std::string>& ids, const recovery_handler& on_progress) {
  recovery_report report;
  report.counts.found = ids.size();
  std::mutex guard;
  std::atomic<std::size_t> next{0};
  const auto work = [&](store::reader& reader) {
    for (auto i = next++; i < ids.size(); i = next++) {
      recover_one(reader, ids[i], report, guard);
      const std::lock_guard lock{guard};
      if (on_progress)
        on_progress(report.counts);
    }
  };
  constexpr unsigned most = 4;
  const auto workers = std::min<std::size_t>(ids.size(), std::clamp(std::thread::hardware_concurrency(), 1U, most));
  std::vector<store::reader> readers; // Opened before: who has none takes none.
  error problem;
  while (readers.size() < workers) {
    auto reader = store::reader::open(directory_);
    if (!reader) {
      problem = reader.failure();
      break;
    }
    readers.push_back(*std::move(reader));
  }
  if (readers.empty()) {
    report.counts.failed = ids.size();
    if (!ids.empty())
      report.failures.push_back({{}, ids.front(), problem});
    return report;
  }
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < readers.size(); ++i)
    others.emplace_back(work, std::ref(readers[i]));
  work(readers.front());
  for (auto& x : others)
    x.join();
  return report;
}

result<recovery_report> runtime::impl::recover(const recovery_handler& on_progress) {
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  auto all = reader->unfinished();
  if (!all)
    return all.failure();
  // Those that came first get their places first.
  std::vector<std::string> ids;
  ids.reserve(all->size());
  for (auto& x : *all)
    ids.push_back(std::move(x.id));
  // Nobody gets a place that one of them holds.
  pools_->pause("recovery", pool_set::why_taking_up);
  auto report = recover_these(ids, on_progress);
  pools_->go_on("recovery");
  return report;
}

/// Probes what is down, and takes up what waited for it; whether there is more to come.
bool runtime::impl::look_after_pools() {
  static_cast<void>(pools_->probe_again());
  take_up_held();
  const std::lock_guard lock{mutex_};
  const auto waits = [](const auto& x) { return !x.second.pool.empty(); };
  return !pools_->all_up() || std::any_of(held_.begin(), held_.end(), waits);
}

/// Those whose pools are there.
void runtime::impl::take_up_held() {
  std::vector<std::pair<workflow_key, std::string>> waiting;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [key, x] : held_)
      if (const auto pool = pools_->find(x.pool); !x.pool.empty() && pool && pools_->offered(**pool))
        waiting.emplace_back(key, x.id);
  }
  std::sort(waiting.begin(), waiting.end());
  std::vector<std::string> ids;
  ids.reserve(waiting.size());
  for (auto& [key, id] : waiting)
    ids.push_back(std::move(id));
  static_cast<void>(recover_these(ids, {}));
  pools_->go_on(pool_set::taking_up);
}

} // namespace muster
